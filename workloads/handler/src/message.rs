//! A request and its response, whatever carries them.

/// A request, borrowed from where it was read into.
pub struct Request<'a> {
    pub method: &'a str,
    /// Without its query.
    pub path: &'a str,
    /// What stood after `?`, still encoded.
    pub query: &'a str,
    pub body: &'a [u8],
}

/// The statuses that this service answers with, and their codes.
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

/// A response: always JSON.
pub struct Response {
    pub status: Status,
    /// The one method that is allowed here, where another was used.
    pub allow: Option<&'static str>,
    pub body: String,
}

/// Most bytes of a body.
pub const BODY_LIMIT: usize = 1 << 20;
/// Why a longer one is refused.
pub const BODY_TOO_LARGE: &str = "the body is too large";

impl Response {
    /// One that says what was wrong.
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
