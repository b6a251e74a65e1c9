//! The adapter of the `docker/...` targets, as a program.

plimsoll_adapter::adapter_main!(adapter_docker::Containers::start());
