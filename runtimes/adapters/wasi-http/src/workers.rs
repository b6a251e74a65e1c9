//! The instances behind `wasmtime serve`: each is a worker that takes requests from one queue, one after another, until it has
//! had its number of them or has waited in vain. The queue is wasmtime-wasi-http's, as in that command.

use std::future::pending;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep};
use wasmtime::component::GuestTaskId;
use wasmtime::{Result, Store, StoreContextMut};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, ProxyPre as AnyProxyPre, ShouldAccept, WorkerExpiration, WorkerState,
    WorkerStatus,
};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::server::Host;

/// How long an instance waits for another request: the command's default.
const IDLE: Duration = Duration::from_secs(1);

/// Makes instances.
pub(crate) struct Workers {
    component: ProxyPre<Host>,
    linked: AnyProxyPre<Host>,
    requests: usize,
}

impl Workers {
    /// `requests` is how many an instance answers before it is dropped.
    pub(crate) fn new(component: ProxyPre<Host>, requests: usize) -> Self {
        Self {
            linked: AnyProxyPre::P2(component.clone()),
            component,
            requests,
        }
    }
}

impl HandlerState for Workers {
    type StoreData = Host;
    type WorkerExpiration = Idle;
    type WorkerState = Worker;

    async fn instantiate(&self) -> Result<Instance<Host, Idle, Worker>> {
        let mut store = Store::new(self.component.engine(), Host::new());
        Ok(Instance {
            proxy: self.linked.instantiate_async(&mut store).await?,
            store,
            view: WasiHttpView::http,
            expiration: Idle(Box::pin(sleep(IDLE))),
            state: Worker {
                requests: self.requests,
            },
        })
    }
}

/// Ends a worker that has waited for [`IDLE`].
pub(crate) struct Idle(Pin<Box<Sleep>>);

impl WorkerExpiration for Idle {
    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        status: WorkerStatus,
        since: Instant,
    ) -> Poll<()> {
        if status != WorkerStatus::Idle {
            return Poll::Pending;
        }
        let due = (since + IDLE).into();
        if self.0.deadline() != due {
            self.0.as_mut().reset(due);
        }
        self.0.as_mut().poll(context)
    }
}

pub(crate) struct Worker {
    requests: usize,
}

impl WorkerState for Worker {
    type StoreData = Host;
    type RequestData = ();

    fn should_accept_request(&self, in_progress: usize, taken: usize) -> ShouldAccept {
        if taken >= self.requests {
            ShouldAccept::Never
        } else if in_progress > 0 {
            // WASI 0.2 has no call beside another in one instance.
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    /// No request has a time limit.
    fn on_request_start(
        &self,
        _: StoreContextMut<'_, Host>,
        (): (),
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        Box::pin(pending())
    }

    fn drop(&self, _: Store<Host>, result: Result<()>) {
        if let Err(error) = result {
            eprintln!("an instance: {error:?}");
        }
    }
}
