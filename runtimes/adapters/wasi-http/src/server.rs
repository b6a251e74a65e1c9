//! The HTTP server: an instance per request as Spin makes it, or workers as `wasmtime serve` has them.

use std::convert::Infallible;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use rustix::process::{Signal, set_parent_process_death_signal};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::error::Context as _;
use wasmtime::{Engine, Result, Store, format_err};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::handler::ProxyHandler;
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use crate::command::{Asked, Form, Server};
use crate::engine::{self, EPOCH_MILLISECONDS, NEVER};
use crate::workers::Workers;

/// Any free loopback port.
const ADDRESS: &str = "127.0.0.1:0";

/// Runs a server process.
pub(crate) fn main(asked: std::result::Result<Asked, String>) -> ExitCode {
    let asked = match asked {
        Ok(asked) => asked,
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::from(2);
        }
    };
    // The parent may be killed before it can clean up.
    if let Err(error) = set_parent_process_death_signal(Some(Signal::TERM)) {
        eprintln!("asking to end with the parent: {error}");
    }
    let Err(error) = serve(&asked);
    eprintln!("serving {}: {error:?}", asked.file.display());
    ExitCode::FAILURE
}

/// Returns only on failure.
fn serve(asked: &Asked) -> Result<Infallible> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let engine = engine::engine(asked.server)?;
    if asked.server == Server::Spin {
        count_epochs(&engine)?;
    }
    let mut linker = Linker::new(&engine);
    wasmtime_wasi_http::p2::add_to_linker_async(&mut linker)?;
    let component = match asked.form {
        Form::Component => Component::from_file(&engine, &asked.file)?,
        // SAFETY: `prepare` wrote the file with this engine's own serialisation, only by renaming, and no other process
        // writes to the pair's directory.
        Form::Artefact => unsafe { Component::deserialize_file(&engine, &asked.file)? },
    };
    let component = ProxyPre::new(linker.instantiate_pre(&component)?)?;
    let service = match asked.server {
        Server::Spin => Service::Spin(component),
        Server::Workers { requests } => {
            Service::Workers(ProxyHandler::new(Workers::new(component, requests)))
        }
    };
    runtime.block_on(accept(Arc::new(service)))
}

/// Increments the engine's epoch on a thread for the life of the process.
fn count_epochs(engine: &Engine) -> Result<()> {
    let engine = engine.clone();
    let count = move || loop {
        thread::sleep(Duration::from_millis(EPOCH_MILLISECONDS));
        engine.increment_epoch();
    };
    thread::Builder::new()
        .name("epochs".to_owned())
        .spawn(count)?;
    Ok(())
}

async fn accept(service: Arc<Service>) -> Result<Infallible> {
    let listener = TcpListener::bind(ADDRESS)
        .await
        .with_context(|| format!("listening on {ADDRESS}"))?;
    println!("listening on {}", listener.local_addr()?);
    io::stdout().flush()?;
    loop {
        let connection = match listener.accept().await {
            Ok((connection, _)) => connection,
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => return Err(error.into()),
        };
        connection.set_nodelay(true)?;
        tokio::spawn(Arc::clone(&service).converse(connection));
    }
}

/// State shared by all connections.
enum Service {
    Spin(ProxyPre<Host>),
    Workers(ProxyHandler<Workers>),
}

/// State of one instance.
pub(crate) struct Host {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    outgoing: Denied,
}

/// Rejects outgoing requests: guests have no such grant.
struct Denied;

/// Resolves when sending or receiving a body has ended.
type Ending = Box<dyn Future<Output = std::result::Result<(), Error>> + Send>;

impl Host {
    pub(crate) fn new() -> Self {
        Self {
            wasi: WasiCtx::builder().build(),
            http: WasiHttpCtx::new(),
            table: ResourceTable::new(),
            outgoing: Denied,
        }
    }
}

impl WasiHttpHooks for Denied {
    fn send_request(
        &mut self,
        _: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Ending,
    ) -> Box<dyn Future<Output = std::result::Result<(Response<WasiBody>, Ending), Error>> + Send>
    {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Host {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.outgoing,
        }
    }
}

impl Service {
    async fn converse(self: Arc<Self>, connection: TcpStream) {
        let served = http1::Builder::new()
            .keep_alive(true)
            .serve_connection(
                TokioIo::new(connection),
                service_fn(move |request| {
                    let service = Arc::clone(&self);
                    async move { Ok::<_, Infallible>(service.respond(request).await) }
                }),
            )
            .await;
        // Clients may disconnect during a response; other errors are reported.
        if let Err(error) = served
            && !error.is_incomplete_message()
        {
            eprintln!("a connection: {error}");
        }
    }

    async fn respond(&self, request: Request<Incoming>) -> Response<HyperOutgoingBody> {
        self.answer(request).await.unwrap_or_else(|error| {
            eprintln!("a request: {error:?}");
            let mut failed = Response::new(nothing());
            *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            failed
        })
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<HyperOutgoingBody>> {
        match self {
            Service::Spin(component) => Self::answer_once(component, request).await,
            Service::Workers(workers) => {
                let request = request.map(|body| body.map_err(Error::from).boxed_unsync());
                workers.handle((), request).await
            }
        }
    }

    /// Creates an instance, returns its response, and drops the instance.
    async fn answer_once(
        component: &ProxyPre<Host>,
        request: Request<Incoming>,
    ) -> Result<Response<HyperOutgoingBody>> {
        let mut store = Store::new(component.engine(), Host::new());
        store.set_epoch_deadline(NEVER);
        let (sender, receiver) = oneshot::channel();
        let incoming = store
            .data_mut()
            .http()
            .new_incoming_request(Scheme::Http, request)?;
        let outgoing = store.data_mut().http().new_response_outparam(sender)?;
        let instance = component.instantiate_async(&mut store).await?;
        // The guest continues after its response head is sent: its body is read while it is written.
        let guest = tokio::spawn(async move {
            instance
                .wasi_http_incoming_handler()
                .call_handle(&mut store, incoming, outgoing)
                .await
        });
        match receiver.await {
            Ok(response) => Ok(response?),
            Err(_) => {
                guest.await??;
                Err(format_err!("the guest ended without a response"))
            }
        }
    }
}

/// An empty body.
fn nothing() -> HyperOutgoingBody {
    Empty::<Bytes>::new()
        .map_err(|never| match never {})
        .boxed_unsync()
}
