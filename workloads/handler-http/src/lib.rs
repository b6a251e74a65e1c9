//! The request handler of `../handler` as a component of the world `wasi:http/proxy`: the same
//! catalogue, the same routes, the same bodies. What differs is who speaks HTTP: here the host.

#[path = "../../handler/src/catalogue.rs"]
pub mod catalogue;
#[path = "../../handler/src/json.rs"]
pub mod json;
#[path = "../../handler/src/message.rs"]
pub mod message;
#[path = "../../handler/src/query.rs"]
pub mod query;
#[path = "../../handler/src/routes.rs"]
pub mod routes;

use std::io::{self, Read, Write};

use message::{BODY_LIMIT, BODY_TOO_LARGE, Request, Response, Status};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

struct Handler;

impl Guest for Handler {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        if let Err(why) = answer(&request, out) {
            eprintln!("handler: {why}");
        }
    }
}

wasip2::http::proxy::export!(Handler);

fn answer(request: &IncomingRequest, out: ResponseOutparam) -> io::Result<()> {
    let response = match read(request) {
        Ok(Body::Whole(body)) => routed(request, &body),
        Ok(Body::TooLong) => Response::error(Status::ContentTooLarge, None, BODY_TOO_LARGE),
        Err(error) => {
            let code = ErrorCode::InternalError(Some(error.to_string()));
            ResponseOutparam::set(out, Err(code));
            return Err(error);
        }
    };
    send(&response, out)
}

fn routed(request: &IncomingRequest, body: &[u8]) -> Response {
    let target = request.path_with_query().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let other;
    let method = match request.method() {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(name) => {
            other = name;
            &other
        }
    };
    routes::answer(&Request {
        method,
        path,
        query,
        body,
    })
}

enum Body {
    Whole(Vec<u8>),
    TooLong,
}

/// The body of a request that may have one.
fn read(request: &IncomingRequest) -> io::Result<Body> {
    let mut bytes = Vec::new();
    if matches!(request.method(), Method::Get | Method::Head) {
        return Ok(Body::Whole(bytes));
    }
    let gone = || io::Error::other("the request's body was taken already");
    let body = request.consume().map_err(|()| gone())?;
    let stream = body.stream().map_err(|()| gone())?;
    let read = stream.take(BODY_LIMIT as u64 + 1).read_to_end(&mut bytes)?;
    Ok(match read > BODY_LIMIT {
        true => Body::TooLong,
        false => Body::Whole(bytes),
    })
}

fn send(response: &Response, out: ResponseOutparam) -> io::Result<()> {
    let mut fields: Vec<(String, Vec<u8>)> = vec![(
        "content-type".to_owned(),
        b"application/json".as_slice().into(),
    )];
    if let Some(method) = response.allow {
        fields.push(("allow".to_owned(), method.into()));
    }
    let length = response.body.len().to_string();
    fields.push(("content-length".to_owned(), length.into()));
    let refused = |what: &str| io::Error::other(format!("the host refuses the {what}"));
    let fields = Fields::from_list(&fields).map_err(|_| refused("fields"))?;
    let outgoing = OutgoingResponse::new(fields);
    outgoing
        .set_status_code(response.status as u16)
        .map_err(|()| refused("status"))?;
    let body = outgoing.body().map_err(|()| refused("body"))?;
    ResponseOutparam::set(out, Ok(outgoing));
    let mut stream = body.write().map_err(|()| refused("body"))?;
    stream.write_all(response.body.as_bytes())?;
    Write::flush(&mut stream)?;
    // A stream is a child of its body, which can be finished only without it.
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|code| io::Error::other(code.to_string()))
}
