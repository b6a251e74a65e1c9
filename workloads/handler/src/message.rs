//! Requests and responses, independent of their transport.

/// A request that borrows from its buffer.
pub struct Request<'a> {
    pub method: &'a str,
    /// Excludes the query.
    pub path: &'a str,
    /// The part after `?`, still encoded.
    pub query: &'a str,
    pub body: &'a [u8],
}

/// The statuses of this service, with their codes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Ok = 200,
    BadRequest = 400,
    NotFound = 404,
    MethodNotAllowed = 405,
    LengthRequired = 411,
    ContentTooLarge = 413,
    UnprocessableContent = 422,
    FieldsTooLarge = 431,
    VersionNotSupported = 505,
}

/// A response. The body is always JSON.
pub struct Response {
    pub status: Status,
    /// The allowed method, if the request used another one.
    pub allow: Option<&'static str>,
    pub body: String,
}

/// The maximum size of a body, bytes.
pub const BODY_LIMIT: usize = 1 << 20;
/// The error message for a longer body.
pub const BODY_TOO_LARGE: &str = "the body is too large";

impl Response {
    /// An error response with this message.
    pub fn error(status: Status, allow: Option<&'static str>, why: &str) -> Self {
        let mut body = String::from("{\"error\":");
        crate::json::write_string(&mut body, why);
        body.push('}');
        Response {
            status,
            allow,
            body,
        }
    }
}
