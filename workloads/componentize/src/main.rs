//! `componentize CORE.wasm COMPONENT.wasm`: makes a component of a core module that was built for
//! WASI preview 1 and carries the description of its world, as `wasip2`'s macros leave it. What its
//! standard library asks of preview 1 is answered by Wasmtime's adapter for the world
//! `wasi:http/proxy`.

use std::fs;

use anyhow::{Context, bail};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_PROXY_ADAPTER,
};
use wit_component::ComponentEncoder;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [core, component] = &args[..] else {
        bail!("usage: componentize CORE.wasm COMPONENT.wasm");
    };
    let module = fs::read(core).with_context(|| format!("reading {core}"))?;
    let encoded = ComponentEncoder::default()
        .module(&module)
        .with_context(|| format!("understanding {core}: is it a core module with a world?"))?
        .adapter(
            WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
            WASI_SNAPSHOT_PREVIEW1_PROXY_ADAPTER,
        )
        .context("taking in the adapter of preview 1")?
        .validate(true)
        .encode()
        .with_context(|| format!("making a component of {core}"))?;
    fs::write(component, encoded).with_context(|| format!("writing {component}"))
}
