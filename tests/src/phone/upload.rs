//! The bytes of photos and strokes on their way to the server: whole, or in pieces that can be carried on.

use reqwest::{Method, StatusCode};
use sync_core::ids::Sha256Hash;

use super::Phone;
use super::link::Fate;

/// What became of an upload in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uploaded {
    /// The server has all of it.
    Stored,
    /// It broke off and can be carried on.
    BrokeOff,
    /// The bytes are not those that the entry names.
    Refused,
}

impl Phone {
    /// Uploads the bytes that the server is not known to have, over the way as it is. The next exchange will say that
    /// they are stored. How many the server took.
    pub async fn upload(&mut self) -> usize {
        let mut taken = 0;
        for sha256 in self.to_upload() {
            if !self.link.is_up || self.link.draw() == Fate::RequestLost {
                continue;
            }
            let put = self.owner.request(Method::PUT, &format!("/attachments/{sha256}")).body(self.photo(sha256));
            taken += usize::from(put.send().await.is_ok_and(|answer| answer.status().is_success()));
        }
        taken
    }

    /// The same in pieces of so many bytes. What breaks off goes on where it was, in this call or in a later one.
    pub async fn upload_in_pieces(&mut self, piece: usize) -> Vec<Uploaded> {
        let mut ends = Vec::new();
        for sha256 in self.to_upload() {
            let end = self.carry_on(sha256, piece).await;
            if end == Uploaded::Refused {
                self.replica.handle_upload_refused(sha256).expect("the phone's store");
            }
            ends.push(end);
        }
        ends
    }

    /// What is to be uploaded: not what the server has found to be other bytes, twice.
    fn to_upload(&self) -> Vec<Sha256Hash> {
        self.replica.awaited_blobs().filter(|blob| !blob.is_corrupt()).map(|blob| blob.sha256).collect()
    }

    /// The photos whose bytes on this phone are not what they were.
    pub fn corrupt_blobs(&self) -> Vec<Sha256Hash> {
        self.replica.awaited_blobs().filter(|blob| blob.is_corrupt()).map(|blob| blob.sha256).collect()
    }

    fn photo(&self, sha256: Sha256Hash) -> Vec<u8> {
        std::fs::read(self.photo_path(sha256)).expect("bytes that were promised to be kept")
    }

    async fn carry_on(&mut self, sha256: Sha256Hash, piece: usize) -> Uploaded {
        let bytes = self.photo(sha256);
        let path = format!("/attachments/{sha256}/upload");
        // It asks how far it came, whatever it remembers; then piece by piece, asking again whenever something is lost.
        let Some(mut offset) = self.offset(&path, bytes.len()).await else { return Uploaded::BrokeOff };
        while offset < bytes.len() {
            let next = bytes[offset..bytes.len().min(offset + piece)].to_vec();
            let patch = self.tus(Method::PATCH, &path).header("upload-offset", offset);
            let patch = patch.header("content-type", "application/offset+octet-stream").body(next);
            let fate = if self.link.is_up { self.link.draw() } else { Fate::RequestLost };
            if fate == Fate::RequestLost {
                return Uploaded::BrokeOff;
            }
            let answer = patch.send().await.ok().filter(|_| fate != Fate::ReplyLost);
            match answer {
                Some(answer) if answer.status() == StatusCode::NO_CONTENT => offset = said_offset(&answer),
                Some(answer) if answer.status() == StatusCode::UNPROCESSABLE_ENTITY => return Uploaded::Refused,
                _ => return Uploaded::BrokeOff,
            }
        }
        Uploaded::Stored
    }

    /// Where to go on; begins the upload if there is none.
    async fn offset(&mut self, path: &str, length: usize) -> Option<usize> {
        if !self.link.is_up {
            return None;
        }
        let known = self.tus(Method::HEAD, path).send().await.ok()?;
        if known.status() == StatusCode::OK {
            return Some(said_offset(&known));
        }
        let begun = self.tus(Method::POST, path).header("upload-length", length).send().await.ok()?;
        (begun.status() == StatusCode::CREATED).then(|| said_offset(&begun))
    }

    /// A request of the resumable kind.
    pub fn tus(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.owner.request(method, path).header("tus-resumable", "1.0.0")
    }
}

fn said_offset(answer: &reqwest::Response) -> usize {
    let value = answer.headers().get("upload-offset").and_then(|value| value.to_str().ok());
    value.and_then(|value| value.parse().ok()).expect("an offset")
}
