//! Program of the `docker/...` targets' adapter.

plimsoll_adapter::adapter_main!(adapter_docker::Containers::start());
