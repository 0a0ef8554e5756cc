"""What an app brings along: the session with the server, its network, and the directory of the phone.

The server and its people come from `mobile-ffi/with-server`, which leaves a description in CALLOUT_FIXTURE.
"""

import hashlib
import json
import os
import urllib.error
import urllib.request

from callout_mobile import DeviceId, Phone, PhoneConfig, SoftwareKey, TenantId, Transport, TransportError, UserId

APP_VERSION = "1.0.0"


def fixture():
    """Address, people and tickets of the running server."""
    return json.loads(os.environ["CALLOUT_FIXTURE"])


class Session:
    """A signed-in user, as the app's own network code sees it."""

    def __init__(self, url, credentials):
        self.url = url
        self.token = None
        self.token = self.call("POST", "/auth/sign-in", credentials)["access_token"]

    def call(self, method, path, body=None):
        """One request of the JSON API."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(self.request(method, "/api/v1" + path, data, "application/json"), timeout=30) as answer:
            return json.loads(answer.read() or "null")

    def request(self, method, path, data, content_type):
        headers = {"content-type": content_type}
        if self.token:
            headers["authorization"] = "Bearer " + self.token
        return urllib.request.Request(self.url + path, data=data, headers=headers, method=method)

    def upload(self, blob):
        """The bytes that an entry names by their digest."""
        path = "/api/v1/attachments/" + hashlib.sha256(blob).hexdigest()
        with urllib.request.urlopen(self.request("PUT", path, blob, "application/octet-stream"), timeout=30):
            pass

    def enrol(self, key):
        """Makes this device known to the server."""
        challenge = self.call("POST", "/devices/challenge")["challenge"]
        message = b"callout enrol v1\0" + bytes.fromhex(challenge) + key.public_key()
        return self.call("POST", "/devices", {
            "challenge": challenge,
            "public_key": key.public_key().hex(),
            "signature": key.sign(message).hex(),
            "platform": "desktop",
            "app_version": APP_VERSION,
            "name": "a laptop",
        })


class Network(Transport):
    """The network of the phone, which can be switched off."""

    def __init__(self, session):
        self.session = session
        self.is_on = True

    def post(self, request):
        if not self.is_on:
            raise TransportError.Unreachable("switched off")
        post = self.session.request("POST", request.path, request.body, request.content_type)
        try:
            with urllib.request.urlopen(post, timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 401:
                raise TransportError.SignIn() from error
            raise TransportError.Failed(error.code, None) from error
        except OSError as error:
            raise TransportError.Unreachable(str(error)) from error


def enrolled_phone(session, directory):
    """A phone with a new key, and its network."""
    key = SoftwareKey.generate()
    enrolled = session.enrol(key)
    me = session.call("GET", "/me")
    config = PhoneConfig(
        directory=directory,
        store_key=os.urandom(32),
        tenant=TenantId(me["tenant"]),
        user=UserId(me["id"]),
        device=DeviceId(enrolled["device"]["id"]),
        server_keys=[bytes.fromhex(enrolled["server_public_key"])],
        app_version=APP_VERSION,
    )
    network = Network(session)
    return Phone.open(config, key, network), network
