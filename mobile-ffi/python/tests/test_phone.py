"""A phone that has never met its server, from Python."""

import queue
import tempfile
import unittest
import uuid

from callout_mobile import (
    DeviceId, FieldError, Phone, PhoneConfig, PhoneListener, SoftwareKey, TenantId, Transport, TransportError, Trouble,
    UserId,
)


class NoNetwork(Transport):
    def post(self, request):
        raise TransportError.Unreachable("no signal")


class Defective(Transport):
    def post(self, request):
        raise ValueError("a defect of the app")


class HotelLogin(Transport):
    def post(self, request):
        return b"<html>Welcome to the hotel</html>"


class SignedOut(Transport):
    def post(self, request):
        raise TransportError.SignIn()


class Ear(PhoneListener):
    def __init__(self):
        self.told = queue.Queue()

    def changed(self, day):
        self.told.put(day)


class PhoneTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.key = SoftwareKey.generate()
        self.config = self.identity()

    def identity(self):
        fresh = lambda kind: kind(str(uuid.uuid4()))
        # A key of a server that is never reached.
        some_key = bytes.fromhex("5866666666666666666666666666666666666666666666666666666666666666")
        return PhoneConfig(
            directory=self.directory.name, store_key=bytes(range(32)), tenant=fresh(TenantId), user=fresh(UserId),
            device=fresh(DeviceId), server_keys=[some_key], app_version="1.0.0")

    def phone(self, transport):
        return Phone.open(self.config, self.key, transport)

    def test_what_it_keeps_opens_with_its_own_key_alone(self):
        self.phone(NoNetwork()).pause()
        for wrong in (bytes(32), bytes(31)):
            self.config.store_key = wrong
            with self.assertRaises(FieldError.Refused) as refused:
                self.phone(NoNetwork())
            self.assertEqual("store_key", refused.exception.rule)
        self.config.store_key = bytes(range(32))
        self.assertEqual([], self.phone(NoNetwork()).agenda())

    def test_it_opens_with_no_network_and_says_so(self):
        phone = self.phone(NoNetwork())
        self.assertEqual([], phone.agenda())
        with self.assertRaises(FieldError.Offline):
            phone.sync()
        status = phone.status()
        self.assertEqual((0, False), (status.unsent, status.is_synced))
        self.assertIsInstance(status.trouble, Trouble.OFFLINE)
        self.assertGreater(phone.sync_again_in_ms(), 0)

    def test_a_login_page_is_no_network_and_a_defect_is_not_a_crash(self):
        for transport in [HotelLogin(), Defective()]:
            with self.assertRaises(FieldError.Offline):
                self.phone(transport).sync()

    def test_an_ended_session_asks_to_sign_in(self):
        with self.assertRaises(FieldError.SignIn):
            self.phone(SignedOut()).sync()

    def test_a_listener_is_told_at_once_and_then_of_changes(self):
        phone, ear = self.phone(NoNetwork()), Ear()
        subscription = phone.watch(ear)
        self.assertIsNone(ear.told.get(timeout=10).status.trouble)
        with self.assertRaises(FieldError.Offline):
            phone.sync()
        self.assertIsInstance(ear.told.get(timeout=10).status.trouble, Trouble.OFFLINE)
        subscription.cancel()
        phone.pause()
        phone.resume()
        self.assertRaises(queue.Empty, ear.told.get, timeout=0.3)

    def test_the_directory_of_another_user_is_refused(self):
        self.phone(NoNetwork()).pause()
        self.config = self.identity()
        with self.assertRaises(FieldError.Refused) as refused:
            self.phone(NoNetwork())
        self.assertEqual("other_identity", refused.exception.rule)

    def test_a_missing_directory_and_a_bad_key_say_so(self):
        self.config.directory += "/missing"
        with self.assertRaises(FieldError.Internal):
            self.phone(NoNetwork())
        self.config.server_keys = [b"short"]
        with self.assertRaises(FieldError.Refused):
            self.phone(NoNetwork())


if __name__ == "__main__":
    unittest.main()
