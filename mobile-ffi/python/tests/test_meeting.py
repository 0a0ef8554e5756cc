"""Two phones that meet in a basement, from Python; one of them carries the other's work to a running server."""

import tempfile
import unittest

from callout_mobile import FieldError, TicketId

from host import Session, enrolled_phone, fixture


def carry(one, other, piece):
    """Brings the bytes of two ends over, in pieces of this length, until nobody says anything more."""
    moved = True
    while moved:
        moved = False
        for sender, receiver in ((one, other), (other, one)):
            while (frame := sender.next_bytes()) is not None:
                for at in range(0, len(frame), piece):
                    receiver.received(frame[at:at + piece])
                moved = True


class MeetingTest(unittest.TestCase):
    def phone(self):
        session = Session(self.fixture["url"], self.fixture["engineer"])
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        return enrolled_phone(session, directory.name)

    def setUp(self):
        self.fixture = fixture()
        self.desk = Session(self.fixture["url"], self.fixture["desk"])
        engineer = Session(self.fixture["url"], self.fixture["engineer"]).call("GET", "/me")["id"]
        # A ticket of this test alone.
        site = self.desk.call("GET", f"/tickets/{self.fixture['ticket']}")["site_id"]
        made = self.desk.call("POST", "/tickets", {"ticket_type": "repair", "title": "Below", "site_id": site})
        visit = made["visits"][0]["visit_id"]
        self.desk.call("POST", f"/visits/{visit}/assignments", {"engineer_id": engineer, "override": True})
        self.ticket = TicketId(made["ticket_id"])

    def said_at_the_desk(self, fact):
        timeline = self.desk.call("GET", f"/tickets/{self.ticket}")["timeline"]
        return len([said for said in timeline if said["fact_id"] == str(fact)])

    def test_one_phone_carries_the_others_work_to_the_server(self):
        (below, network), (carrier, way_up) = self.phone(), self.phone()
        for phone in (below, carrier):
            phone.sync()
        network.is_on = way_up.is_on = False
        note = below.ticket(self.ticket).note("The shaft is under water.", None)

        one, other = below.meet(True), carrier.meet(False)
        carry(one, other, 7)
        self.assertTrue(one.is_over() and other.is_over())
        self.assertEqual((1, []), (one.report().handed_over, one.report().refused))
        self.assertLessEqual(1, one.report().shared_tickets)
        self.assertEqual(1, other.report().taken)
        self.assertEqual(1, carrier.status().carried)
        shown = carrier.ticket(self.ticket).from_colleagues()
        entry, = shown.entries
        self.assertEqual((note, "note", "The shaft is under water."), (entry.fact, entry.kind, entry.text))
        self.assertEqual(other.report().device, entry.device)
        self.assertNotIn(note, [one.fact for one in carrier.ticket(self.ticket).view().notes], "it is shown apart")
        with self.assertRaises(FieldError.Unsettled) as refused:
            carrier.log_out()
        self.assertEqual(1, refused.exception.carried)

        way_up.is_on = True
        self.assertEqual(1, carrier.sync().delivered)
        self.assertEqual(0, carrier.status().carried)
        self.assertEqual(1, self.said_at_the_desk(note))

        network.is_on = True
        below.sync()
        status = below.status()
        self.assertEqual((0, 0), (status.unsent, status.drafts), "its author is told that it is there")
        self.assertEqual(1, self.said_at_the_desk(note), "once")

    def test_a_phone_that_never_met_its_server_says_so(self):
        phone, _ = self.phone()
        with self.assertRaises(FieldError.Refused) as refused:
            phone.meet(True)
        self.assertEqual("certificate", refused.exception.rule)

    def test_noise_ends_a_meeting_and_nothing_else(self):
        phone, _ = self.phone()
        phone.sync()
        meeting = phone.meet(False)
        with self.assertRaises(FieldError.Offline):
            meeting.received(b"GET / HTTP/1.1\r\n\r\n")
        self.assertTrue(meeting.is_over())
        self.assertIn(self.ticket, [item.ticket for item in phone.agenda()], "it goes on as if nothing had been")


if __name__ == "__main__":
    unittest.main()
