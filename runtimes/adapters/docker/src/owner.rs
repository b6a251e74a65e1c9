//! Labels that identify the owner of containers and images, and removal of leftovers.
//!
//! Everything created in the engine has two labels: [`MARK`], and [`OWNER`] with the process that created it. If that
//! process is killed, the next one finds and removes its leftovers by label, and spares those of live processes.

use std::collections::HashMap;

use bollard::Docker;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveImageOptionsBuilder,
};

pub use plimsoll_adapter::owner::{Life, Owner};

use crate::failure::{Failure, LIST, REMOVE, bounded, tolerate_missing};

/// Label of everything created here, with the value `1`.
pub const MARK: &str = "plimsoll";
/// Label with the identity of the process that created it.
pub const OWNER: &str = "plimsoll.owner";

/// The labels of everything that this owner creates.
pub fn labels(owner: &Owner) -> HashMap<String, String> {
    HashMap::from([
        (MARK.to_owned(), "1".to_owned()),
        (OWNER.to_owned(), owner.to_string()),
    ])
}

/// Number of resources removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Removed containers.
    pub containers: usize,
    /// Removed images.
    pub images: usize,
}

/// Removes leftovers of dead owners.
///
/// # Errors
///
/// If the engine does not answer or refuses.
pub async fn reap(docker: &Docker) -> Result<Removed, Failure> {
    remove_where(docker, |owner| matches!(owner.life(), Ok(Life::Dead))).await
}

/// Removes everything that this owner created.
///
/// # Errors
///
/// If the engine does not answer or refuses.
pub async fn remove_all_of(docker: &Docker, owner: &Owner) -> Result<Removed, Failure> {
    remove_where(docker, |of| of == owner).await
}

async fn remove_where(
    docker: &Docker,
    condemned: impl Fn(&Owner) -> bool,
) -> Result<Removed, Failure> {
    let marked = HashMap::from([("label".to_owned(), vec![format!("{MARK}=1")])]);
    let condemned = |labels: &HashMap<String, String>| {
        labels
            .get(OWNER)
            .and_then(|text| text.parse().ok())
            .is_some_and(|owner| condemned(&owner))
    };
    let mut removed = Removed::default();

    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&marked)
        .build();
    let containers = bounded(
        "listing containers",
        LIST,
        docker.list_containers(Some(options)),
    )
    .await?;
    for container in containers {
        let (Some(id), Some(labels)) = (container.id, container.labels) else {
            continue;
        };
        if condemned(&labels) {
            remove_container(docker, &id).await?;
            removed.containers += 1;
        }
    }

    let options = ListImagesOptionsBuilder::new().filters(&marked).build();
    let images = bounded("listing images", LIST, docker.list_images(Some(options))).await?;
    for image in images {
        if condemned(&image.labels) {
            remove_image(docker, &image.id).await?;
            removed.images += 1;
        }
    }
    Ok(removed)
}

/// Removes a container, killing it if it runs; a missing one is not an error.
pub(crate) async fn remove_container(docker: &Docker, name: &str) -> Result<(), Failure> {
    let options = RemoveContainerOptionsBuilder::new()
        .force(true)
        .v(true)
        .build();
    let removing = docker.remove_container(name, Some(options));
    tolerate_missing(bounded("removing a container", REMOVE, removing).await)
}

/// Removes an image and its layer; a missing one is not an error.
pub(crate) async fn remove_image(docker: &Docker, name: &str) -> Result<(), Failure> {
    let options = RemoveImageOptionsBuilder::new().force(true).build();
    let removing = docker.remove_image(name, Some(options), None);
    tolerate_missing(
        bounded("removing an image", REMOVE, removing)
            .await
            .map(drop),
    )
}
