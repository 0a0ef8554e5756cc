//! The people who use the server. A test speaks of them, not of headers.

use callout_server::devices::{ChallengeView, EnrolledView, TokensView, enrolment_message};
use callout_server::platform::clock::Clock;
use callout_server::platform::random::Random;
use callout_server::tenancy::Role;
use callout_server::users::MeView;
use reqwest::Method;
use serde::Serialize;
use serde_json::json;
use sync_core::ids::{DeviceId, ServerEpoch, TenantId, UserId};
use sync_core::wire::{DeviceSigner, ServerKey, SoftwareDeviceSigner};

use crate::answer::Answer;
use crate::app::AnotherProcess;
use crate::phone::Phone;

/// Somebody who is signed in, at a desk or on the road.
#[derive(Debug, Clone)]
pub struct Actor {
    pub tenant: TenantId,
    pub user: UserId,
    pub role: Role,
    pub email: String,
    /// The bearer token of the session.
    pub token: String,
    /// Carries the session on.
    pub refresh_token: Option<String>,
    pub(crate) base: String,
    pub(crate) http: reqwest::Client,
    pub(crate) clock: Clock,
}

/// A device that an actor has enrolled, with its key and what it was told of the server.
#[derive(Clone)]
pub struct EnrolledDevice {
    pub id: DeviceId,
    pub signer: SoftwareDeviceSigner,
    pub server_epoch: ServerEpoch,
    pub server_key: ServerKey,
}

/// The password of every actor.
pub const PASSWORD: &str = "correct horse battery";

impl Actor {
    /// Signs in over HTTP, as people do.
    pub async fn sign_in(base: &str, http: &reqwest::Client, email: &str, password: &str) -> Self {
        let body = json!({ "email": email, "password": password });
        let tokens: TokensView = Answer::of(http.post(format!("{base}/api/v1/auth/sign-in")).json(&body)).await.read();
        let nobody = UserId(uuid::Uuid::nil());
        let mut actor = Self {
            tenant: TenantId(uuid::Uuid::nil()),
            user: nobody,
            role: Role::Engineer,
            email: email.to_owned(),
            token: tokens.access_token,
            refresh_token: Some(tokens.refresh_token),
            base: base.to_owned(),
            http: http.clone(),
            clock: Clock::system(),
        };
        let me: MeView = actor.get("/me").await.read();
        (actor.tenant, actor.user, actor.role) = (TenantId(me.tenant), UserId(me.user.id), me.user.role.0);
        actor
    }

    /// Carries the session on before its token expires; one that the server has ended stays as it is.
    pub async fn refresh(&mut self) {
        let body = json!({ "refresh_token": self.refresh_token });
        let answer = self.post("/auth/refresh", &body).await;
        if answer.status.is_success() {
            let tokens: TokensView = answer.read();
            (self.token, self.refresh_token) = (tokens.access_token, Some(tokens.refresh_token));
        }
    }

    /// The same where the answer may not come, as it is then, too: sending it again is safe.
    pub async fn try_refresh(&mut self) {
        let body = json!({ "refresh_token": self.refresh_token });
        let Ok(answer) = self.request(Method::POST, "/auth/refresh").json(&body).send().await else { return };
        let tokens = if answer.status().is_success() { answer.json::<TokensView>().await.ok() } else { None };
        if let Some(tokens) = tokens {
            (self.token, self.refresh_token) = (tokens.access_token, Some(tokens.refresh_token));
        }
    }

    /// Where the server answers.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The client whose connections this person uses.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// A phone in this person's pocket, enrolled and empty.
    pub async fn phone(&self) -> Phone {
        let device = self.enrol(&new_key()).await;
        let seed = u64::from_be_bytes(Random.bytes());
        Phone::in_own_directory(self.clone(), device, self.clock.clone(), seed)
    }

    /// A request to a path below `/api/v1`, signed in.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}/api/v1{path}", self.base)).bearer_auth(&self.token)
    }

    /// The same person with another token, good or bad.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// The same session at another process of the server.
    #[must_use]
    pub fn at(&self, process: &AnotherProcess) -> Self {
        Self { base: process.url(""), ..self.clone() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &impl Serialize) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    /// A POST with an `Idempotency-Key`.
    pub async fn post_once(&self, path: &str, key: &str, body: &impl Serialize) -> Answer {
        Answer::of(self.request(Method::POST, path).header("idempotency-key", key).json(body)).await
    }

    /// A change of the version that was seen.
    pub async fn patch(&self, path: &str, version: i64, body: &impl Serialize) -> Answer {
        Answer::of(self.request(Method::PATCH, path).header("if-match", format!("\"{version}\"")).json(body)).await
    }

    /// A replacement of the version that was seen.
    pub async fn put(&self, path: &str, version: i64, body: &impl Serialize) -> Answer {
        Answer::of(self.request(Method::PUT, path).header("if-match", format!("\"{version}\"")).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path)).await
    }

    /// Enrols a device with this secret key and binds the session to it.
    pub async fn enrol_device(&self, secret: u8) -> EnrolledDevice {
        self.enrol(&SoftwareDeviceSigner::from_secret(&[secret; 32]).expect("a P-256 secret")).await
    }

    /// Enrols a device with this key and binds the session to it.
    pub async fn enrol(&self, signer: &SoftwareDeviceSigner) -> EnrolledDevice {
        let enrolled: EnrolledView = self.enrol_with(signer).await.expect(201).read();
        let server_key = unhex(&enrolled.server_public_key);
        EnrolledDevice {
            id: DeviceId(enrolled.device.id),
            signer: signer.clone(),
            server_epoch: ServerEpoch(enrolled.server_epoch),
            server_key: ServerKey::from_bytes(&server_key).expect("the server's key"),
        }
    }

    /// Asks for a challenge, signs it and enrols.
    pub async fn enrol_with(&self, signer: &SoftwareDeviceSigner) -> Answer {
        let challenge: ChallengeView = self.post("/devices/challenge", &json!({})).await.expect(201).read();
        let nonce: [u8; 32] = unhex(&challenge.challenge).try_into().expect("32 bytes");
        let signature = signer.sign(&enrolment_message(&nonce, &signer.public_key())).expect("a signature");
        let body = json!({
            "challenge": challenge.challenge,
            "public_key": hex(&signer.public_key().to_sec1()),
            "signature": hex(&signature.0),
            "platform": "android",
            "app_version": "1.0.0",
            "name": "test phone",
        });
        self.post("/devices", &body).await
    }
}

/// A device key that nobody else has. (All but about one in 2^32 strings of 32 bytes are one.)
pub fn new_key() -> SoftwareDeviceSigner {
    std::iter::repeat_with(|| SoftwareDeviceSigner::from_secret(&Random.bytes())).find_map(Result::ok).expect("a key")
}

/// Bytes as the API writes them.
pub fn hex(bytes: &[u8]) -> String {
    callout_server::platform::hex::encode(bytes)
}

/// Bytes from text of the API.
pub fn unhex(text: &str) -> Vec<u8> {
    callout_server::platform::hex::decode(text).expect("hexadecimal text")
}
