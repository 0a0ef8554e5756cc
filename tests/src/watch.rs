//! A client of the live stream, as a browser would be one: it remembers the last id, also of frames without data.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::Method;
use serde_json::Value;

use crate::actor::Actor;
use crate::answer::Answer;

/// An open live stream.
pub struct LiveStream {
    chunks: BoxStream<'static, Vec<u8>>,
    parser: EventParser,
    last_id: String,
}

/// An event with data.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveEvent {
    pub id: String,
    pub name: String,
    pub data: Value,
}

impl Actor {
    /// Opens the live stream after an id, or now.
    pub async fn watch(&self, after: Option<&str>) -> LiveStream {
        self.try_watch(after).await.unwrap_or_else(|refused| panic!("no stream: {refused}"))
    }

    /// Opens the live stream, or gives the answer that refused it.
    pub async fn try_watch(&self, after: Option<&str>) -> Result<LiveStream, Answer> {
        let mut request = self.request(Method::GET, "/live");
        if let Some(id) = after {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.expect("an answer");
        if !response.status().is_success() {
            return Err(Answer::of_response(response).await);
        }
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let chunks = response.bytes_stream().map(|chunk| chunk.map(|bytes| bytes.to_vec()).unwrap_or_default());
        let mut stream = LiveStream { chunks: chunks.boxed(), parser: EventParser::default(), last_id: String::new() };
        // The first frame says from where on the stream tells.
        while stream.parser.frames.is_empty() {
            let chunk = stream.chunks.next().await.expect("the first frame");
            stream.parser.feed(&chunk);
        }
        stream.last_id = stream.parser.frames.pop_front().expect("the first frame").id;
        Ok(stream)
    }
}

impl Actor {
    /// Opens another stream of events than the live one, from its beginning.
    pub async fn follow(&self, path: &str) -> Result<LiveStream, Answer> {
        let response = self.request(Method::GET, path).send().await.expect("an answer");
        if !response.status().is_success() {
            return Err(Answer::of_response(response).await);
        }
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let chunks = response.bytes_stream().map(|chunk| chunk.map(|bytes| bytes.to_vec()).unwrap_or_default());
        Ok(LiveStream { chunks: chunks.boxed(), parser: EventParser::default(), last_id: String::new() })
    }
}

impl LiveStream {
    /// The next event; none when the stream has ended.
    pub async fn next(&mut self) -> Option<LiveEvent> {
        loop {
            if let Some(frame) = self.parser.frames.pop_front() {
                self.last_id.clone_from(&frame.id);
                if !frame.name.is_empty() {
                    return Some(frame);
                }
                continue;
            }
            let chunk = self.chunks.next().await?;
            self.parser.feed(&chunk);
        }
    }

    /// The next event, which must come within ten seconds.
    pub async fn expect(&mut self) -> LiveEvent {
        let next = tokio::time::timeout(Duration::from_secs(10), self.next()).await;
        next.expect("an event within ten seconds").expect("an event and not the end")
    }

    /// What arrives until nothing has for this long.
    pub async fn quiet_after(&mut self, silence: Duration) -> Vec<LiveEvent> {
        let mut events = Vec::new();
        while let Ok(Some(event)) = tokio::time::timeout(silence, self.next()).await {
            events.push(event);
        }
        events
    }

    /// The id to resume after.
    pub fn last_id(&self) -> &str {
        &self.last_id
    }
}

/// Server-sent events out of bytes.
#[derive(Debug, Default)]
pub struct EventParser {
    text: String,
    last_id: String,
    name: String,
    data: String,
    /// Whole frames; those without data have no name.
    pub frames: VecDeque<LiveEvent>,
}

impl EventParser {
    pub fn feed(&mut self, bytes: &[u8]) {
        self.text.push_str(std::str::from_utf8(bytes).expect("events are ASCII here"));
        while let Some(end) = self.text.find('\n') {
            let line: String = self.text.drain(..=end).collect();
            self.take_line(line.trim_end_matches('\n'));
        }
    }

    fn take_line(&mut self, line: &str) {
        match line.split_once(": ") {
            Some(("id", id)) => id.clone_into(&mut self.last_id),
            Some(("event", name)) => name.clone_into(&mut self.name),
            Some(("data", data)) => self.data.push_str(data),
            _ if line.is_empty() => {
                let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
                let (name, data) = match data.is_empty() {
                    true => (String::new(), Value::Null),
                    false => (name, serde_json::from_str(&data).expect("JSON in an event")),
                };
                self.frames.push_back(LiveEvent { id: self.last_id.clone(), name, data });
            }
            _ => {}
        }
    }
}
