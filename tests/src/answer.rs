//! What the server answered, read whole.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// An answer with its body at hand.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// Sends the request and reads the answer.
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        Self::of_response(request.send().await.expect("an answer")).await
    }

    /// Reads an answer whose head has come; of a stream, which has no end, nothing more.
    pub async fn of_response(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let is_stream = headers.get("content-type").is_some_and(|media| media == "text/event-stream");
        let body = match is_stream {
            true => Vec::new(),
            false => response.bytes().await.expect("the body of an answer").to_vec(),
        };
        Self { status, headers, body }
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {self}"))
    }

    /// The body as a record of the API; the test fails unless the answer is a success.
    pub fn read<T: DeserializeOwned>(&self) -> T {
        assert!(self.status.is_success(), "{self}");
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not what was expected ({error}): {self}"))
    }

    /// The test fails unless the answer has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self}");
        self
    }

    /// The test fails unless the answer is a success.
    #[track_caller]
    pub fn expect_success(self) -> Self {
        assert!(self.status.is_success(), "{self}");
        self
    }

    /// The slug of the problem; the test fails unless it is one with this status.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{self}");
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{self}");
        let slug = problem["type"].as_str().and_then(|text| text.strip_prefix("urn:callout:problem:"));
        slug.unwrap_or_else(|| panic!("no type: {self}")).to_owned()
    }

    /// A header that must be there.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no header {name}: {self}"));
        value.to_str().expect("a header of plain text")
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}
