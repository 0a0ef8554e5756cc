"""Work that engineers take themselves, from Python, against a running server."""

import datetime
import tempfile
import unittest

from callout_mobile import FieldError, TakeState, TicketId

from host import Session, enrolled_phone, fixture


def until(phone, holds):
    """Synchronises until the server has come so far."""
    for _ in range(500):
        phone.sync()
        if holds():
            return
    raise AssertionError("it never comes")


class PoolTest(unittest.TestCase):
    def setUp(self):
        self.fixture = fixture()
        self.desk = Session(self.fixture["url"], self.fixture["desk"])
        self.code = f"grab-{self.id().rsplit('.', 1)[1][-20:].strip('_')}".replace("_", "-")
        self.desk.call("POST", "/ticket-types", {
            "code": self.code, "name_en": "Grab", "name_zh": "抢单", "duration_min": 15, "priority": 2,
            "dispatch_mode": "pool",
        })

    def engineer(self, name):
        """Somebody new at work, and the phone."""
        credentials = {"email": f"{name}-{self.code}@acme.example", "password": self.fixture["engineer"]["password"]}
        user = self.desk.call("POST", "/users", {**credentials, "name": name, "role": "engineer"})["id"]
        home = {"lat": 52.52, "lon": 13.405}
        self.desk.call("POST", "/engineers", {"user_id": user, "display_name": name, "home": home})
        now = datetime.datetime.now(datetime.timezone.utc)
        shift = {"starts_at": now.isoformat(), "ends_at": (now + datetime.timedelta(hours=12)).isoformat()}
        self.desk.call("POST", f"/engineers/{user}/shifts", {"shifts": [shift]})
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        return enrolled_phone(Session(self.fixture["url"], credentials), directory.name)

    def ticket(self):
        site = self.desk.call("GET", f"/tickets/{self.fixture['ticket']}")["site_id"]
        made = self.desk.call("POST", "/tickets", {"ticket_type": self.code, "title": "Secret words", "site_id": site})
        return TicketId(made["ticket_id"])

    def test_of_two_who_want_it_offline_one_gets_it_and_the_other_is_told(self):
        (ana, up), (ben, way) = self.engineer("ana"), self.engineer("ben")
        ticket = self.ticket()
        offered = lambda phone: [offer for offer in phone.pool().offers() if offer.ticket == ticket]
        for phone in (ana, ben):
            until(phone, lambda: offered(phone))
        offer, = offered(ana)
        self.assertEqual((self.code, 2, 15 * 60_000, {}), (offer.ticket_type, offer.priority, offer.duration_ms, offer.skills))
        self.assertNotIn("Secret", str(offer))
        self.assertAlmostEqual(52.52, offer.lat, delta=0.1)
        with self.assertRaises(FieldError.NotFound):
            ana.ticket(ticket)

        up.is_on = way.is_on = False
        wishes = [phone.pool().take(ticket) for phone in (ana, ben)]
        self.assertEqual(wishes[0], ana.pool().take(ticket), "she wants it once")
        ana.pause()
        ana.resume()
        self.assertEqual([(wishes[0], TakeState.WAITING())], [(take.wish, take.state) for take in ana.pool().takes()])
        with self.assertRaises(FieldError.Unsettled) as refused:
            ana.log_out()
        self.assertEqual(1, refused.exception.wishes)
        with self.assertRaises(FieldError.Offline):
            ana.sync()

        up.is_on = way.is_on = True
        for phone in (ana, ben):
            phone.sync()
        granted, = ana.pool().takes()
        self.assertEqual(TakeState.GRANTED(), granted.state)
        told, = ben.pool().takes()
        self.assertEqual("taken", told.state.code)
        self.assertTrue(told.state.detail)
        until(ana, lambda: [item for item in ana.agenda() if item.ticket == ticket])
        until(ben, lambda: not offered(ben))
        self.assertEqual("Secret words", ana.ticket(ticket).view().title)
        for phone, wish in zip((ana, ben), wishes):
            phone.pool().dismiss(wish)
            self.assertEqual([], phone.pool().takes())

    def test_a_wish_is_withdrawn_before_it_leaves_the_phone(self):
        phone, network = self.engineer("cai")
        ticket = self.ticket()
        until(phone, lambda: [offer for offer in phone.pool().offers() if offer.ticket == ticket])
        network.is_on = False
        with self.assertRaises(FieldError.NotFound):
            phone.pool().take(TicketId("00000000-0000-4000-8000-000000000000"))
        phone.pool().withdraw(phone.pool().take(ticket))
        self.assertEqual([], phone.pool().takes())
        network.is_on = True
        phone.sync()
        self.assertEqual([], phone.agenda())
        phone.log_out()


if __name__ == "__main__":
    unittest.main()
