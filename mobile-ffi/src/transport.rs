//! The network, lent by the app: it owns sockets, certificates and the session's token.

/// Carries one request to the server and its answer back. Called from the thread that called `sync`.
#[uniffi::export(with_foreign)]
pub trait Transport: Send + Sync {
    /// POSTs the request with the session's bearer token, and returns the body of a 200 answer. Everything else is
    /// one of the errors.
    fn post(&self, request: Request) -> Result<Vec<u8>, TransportError>;
}

/// What is to be posted.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Request {
    /// Such as `/api/v1/sync`.
    pub path: String,
    /// The `Content-Type` header.
    pub content_type: String,
    pub body: Vec<u8>,
}

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum TransportError {
    /// The server answered 401, also after the token was refreshed.
    #[error("the session has ended")]
    SignIn,
    /// No network, no name, no connection, no answer in time.
    #[error("the server was not reached: {detail}")]
    Unreachable { detail: String },
    /// An answer with another status than 200 and 401, and its `Retry-After` if there was one.
    #[error("the server answered {status}")]
    Failed { status: u16, retry_after_ms: Option<u32> },
}

/// Whatever else the app threw counts as not having reached the server: the request is sent again.
impl From<uniffi::UnexpectedUniFFICallbackError> for TransportError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        TransportError::Unreachable { detail: error.reason }
    }
}
