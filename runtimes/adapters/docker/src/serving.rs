//! One serving container, from create to remove.
//!
//! It runs the same program in the same image, with arguments to listen. In its own network namespace its port is
//! published on loopback; in the host's namespace it listens there directly.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::models::{ContainerCreateBody, HostConfig, PortBinding};
use bollard::query_parameters::{AttachContainerOptionsBuilder, CreateContainerOptionsBuilder};
use futures_util::StreamExt;

use crate::container::{Plan, not_started};
use crate::failure::{CREATE, Failure, SAY, bounded};
use crate::owner;
use crate::targets::Network;

/// The port in its own network namespace.
const PORT: u16 = 8080;
/// Printed by the program before its address, once it accepts connections.
const READY: &str = "listening on ";
/// Time limit until it accepts.
const ACCEPTS: Duration = Duration::from_secs(60);

/// Creates and starts a serving container called `name`, waits until it accepts, and returns its address.
///
/// # Errors
///
/// If the engine fails at any step or the program ends. The container may then still exist.
pub(crate) async fn start(
    docker: &Docker,
    plan: Plan<'_>,
    name: &str,
) -> Result<SocketAddr, Failure> {
    let published = plan.configuration.network != Network::Host;
    let (host, port) = match published {
        true => ("0.0.0.0", PORT),
        false => ("127.0.0.1", 0),
    };
    let key = format!("{PORT}/tcp");
    let binding = PortBinding {
        host_ip: Some("127.0.0.1".to_owned()),
        // The engine chooses a free port.
        host_port: Some(String::new()),
    };
    let options = CreateContainerOptionsBuilder::new().name(name).build();
    let body = ContainerCreateBody {
        image: Some(plan.image.name.clone()),
        cmd: Some(vec!["--listen".to_owned(), format!("{host}:{port}")]),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        labels: Some(owner::labels(plan.owner)),
        exposed_ports: published.then(|| vec![key.clone()]),
        host_config: Some(HostConfig {
            port_bindings: published.then(|| HashMap::from([(key.clone(), Some(vec![binding]))])),
            ..plan.configuration.host_config()
        }),
        ..ContainerCreateBody::default()
    };
    let creating = docker.create_container(Some(options), body);
    bounded("creating the container", CREATE, creating).await?;
    let options = AttachContainerOptionsBuilder::new()
        .stream(true)
        .stdout(true)
        .stderr(true)
        .build();
    let attaching = docker.attach_container(name, Some(options));
    let mut output = bounded("attaching to the container", CREATE, attaching)
        .await?
        .output;
    docker
        .start_container(name, None)
        .await
        .map_err(not_started)?;

    let mut said = String::new();
    let listening = async {
        while let Some(message) = output.next().await {
            match message.map_err(|error| Failure::of("reading the output", error))? {
                LogOutput::StdOut { message } | LogOutput::StdErr { message } => {
                    said.push_str(&String::from_utf8_lossy(&message));
                }
                LogOutput::Console { .. } | LogOutput::StdIn { .. } => {}
            }
            if let Some(address) = listens_at(&said) {
                return Ok(address);
            }
        }
        Err(Failure::NotServing { said: said.clone() })
    };
    let inside = tokio::time::timeout(ACCEPTS, listening)
        .await
        .map_err(|_| Failure::Late {
            doing: "waiting for the container to accept connections",
            after: ACCEPTS,
        })??;
    if !published {
        return Ok(inside);
    }
    let inspecting = docker.inspect_container(name, None);
    let inspected = bounded("inspecting the container", SAY, inspecting).await?;
    inspected
        .network_settings
        .and_then(|settings| settings.ports)
        .and_then(|mut ports| ports.remove(&key)?)
        .and_then(|bindings| bindings.into_iter().next()?.host_port?.parse().ok())
        .map(|port: u16| SocketAddr::from(([127, 0, 0, 1], port)))
        .ok_or_else(|| Failure::NotServing {
            said: "the engine names no published port".to_owned(),
        })
}

/// The address in the first complete line that has one.
fn listens_at(said: &str) -> Option<SocketAddr> {
    let whole = &said[..=said.rfind('\n')?];
    let mut lines = whole.lines();
    lines.find_map(|line| line.strip_prefix(READY)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_counts_once_its_line_has_ended() {
        assert_eq!(listens_at("listening on 127.0.0.1:80"), None);
        assert_eq!(
            listens_at("starting\nlistening on 127.0.0.1:8080\n"),
            Some(SocketAddr::from(([127, 0, 0, 1], 8080)))
        );
    }
}
