"""A ticket worked in a basement, from Python, against a running server."""

import hashlib
import os
import queue
import tempfile
import threading
import unittest

from callout_mobile import (
    BlobReference, CustomerSignature, DiskSpace, FieldError, PhoneListener, Status, TicketId, VisitId,
)

from host import Session, enrolled_phone, fixture


class Ear(PhoneListener):
    """Remembers what it was told, and from which thread."""

    def __init__(self):
        self.told = queue.Queue()

    def changed(self, day):
        self.told.put((day, threading.get_ident()))


class OfflineTest(unittest.TestCase):
    def setUp(self):
        self.fixture = fixture()
        self.session = Session(self.fixture["url"], self.fixture["engineer"])
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.phone, self.network = enrolled_phone(self.session, self.directory.name)

    def test_a_visit_is_worked_offline_and_then_synced(self):
        ticket_id, visit_id = TicketId(self.fixture["ticket"]), VisitId(self.fixture["visit"])
        ear = Ear()
        subscription = self.phone.watch(ear)
        first, thread = ear.told.get(timeout=10)
        self.assertEqual([], first.agenda, "told at once, before anything has come")

        self.phone.sync()
        agenda = {item.ticket: item for item in self.phone.agenda()}
        self.assertEqual(visit_id, agenda[ticket_id].visit)
        self.assertEqual(Status.ASSIGNED, agenda[ticket_id].status)
        self.assertEqual("Rathausstr. 15", agenda[ticket_id].site.address)
        ticket = self.phone.ticket(ticket_id)
        visit = ticket.visit(visit_id)

        self.network.is_on = False
        with self.assertRaises(FieldError.Refused) as too_early:
            visit.start()
        self.assertEqual("not_from_here", too_early.exception.rule)
        site = ticket.site()
        self.assertEqual(("Town hall", 52.52, 13.405), (site.name, site.lat, site.lon), "where to go, with no network")
        self.assertEqual([("M. Okafor", "+49 30 1234567")], [(who.name, who.phone) for who in site.contacts])
        self.assertIsNone(ticket.customer())
        photo, strokes = b"a photo", b"strokes"
        entries = [visit.accept(), visit.depart(), visit.check_in(), visit.start()]
        entries.append(visit.answer("voltage", "229"))
        entries.append(ticket.note("Motor replaced; the old one is in the van.", None))
        entries.append(visit.attach(BlobReference(
            sha256=hashlib.sha256(photo).digest(), size=len(photo), mime="image/jpeg", role="after", step=None)))
        entries.append(visit.sign(CustomerSignature(
            shown_sha256=hashlib.sha256(b"what was shown").digest(), shown=entries[4:7],
            strokes_sha256=hashlib.sha256(strokes).digest(), signer="M. Okafor")))
        entries.append(visit.done("solved", "New motor fitted."))
        with self.assertRaises(FieldError.Offline):
            self.phone.sync()
        status = self.phone.status()
        self.assertEqual(len(entries), status.unsent)
        self.assertFalse(status.is_synced)
        self.assertEqual(2, status.awaited_blobs)
        self.assertEqual(Status.DONE, ticket.view().status)

        # The app is suspended and comes back: nothing is lost.
        self.phone.pause()
        with self.assertRaises(FieldError.Busy):
            self.phone.status()
        self.phone.resume()
        self.assertEqual(len(entries), self.phone.status().unsent)

        self.network.is_on = True
        report = self.phone.sync()
        self.assertEqual((len(entries), 0), (report.acknowledged, report.refused))
        status = self.phone.status()
        self.assertTrue(status.is_synced)
        self.assertEqual(0, status.unsent)
        view = ticket.view()
        self.assertEqual(["Motor replaced; the old one is in the van."], [note.text for note in view.notes])
        self.assertTrue(all(entry.is_admitted for entry in view.notes + view.answers + view.evidence))
        self.assertEqual("M. Okafor", view.signatures[0].signer)
        self.assertEqual(2, status.awaited_blobs, "the entries are there, the bytes they name are not")
        for blob in (photo, strokes):
            self.session.upload(blob)
        self.phone.sync()
        self.assertEqual([], self.phone.awaited_blobs())
        desk = Session(self.fixture["url"], self.fixture["desk"])
        self.assertEqual("done", desk.call("GET", f"/tickets/{ticket_id}")["status"])

        days = []
        while not ear.told.empty():
            days.append(ear.told.get())
        self.assertTrue(days and days[-1][0].status.is_synced)
        self.assertEqual({thread}, {told_from for _, told_from in days}, "always from one thread")
        subscription.cancel()

    def test_a_paused_phone_answers_that_it_is_paused_and_resumes_as_it_was(self):
        self.phone.sync()
        self.network.is_on = False
        self.phone.ticket(TicketId(self.fixture["ticket"])).note("before the pause", None)
        self.phone.pause()
        for call in (self.phone.agenda, self.phone.sync, self.phone.status, self.phone.salvage, self.phone.log_out):
            with self.assertRaises(FieldError.Busy) as paused:
                call()
            self.assertEqual("paused", paused.exception.detail)
        self.assertFalse([name for name in os.listdir(self.directory.name) if name.endswith("-wal")])
        self.phone.resume()
        self.assertEqual(1, self.phone.status().unsent)
        self.assertEqual(DiskSpace.ENOUGH, self.phone.status().disk_space)
        self.assertIsNone(self.phone.salvage())

    def test_nobody_logs_out_of_work_that_is_on_this_phone_alone(self):
        self.phone.sync()
        self.network.is_on = False
        ticket = self.phone.ticket(TicketId(self.fixture["ticket"]))
        ticket.note("Zahnriemen gerissen", None)
        with self.assertRaises(FieldError.Unsettled) as refused:
            self.phone.log_out()
        self.assertEqual((1, 0, 0), (refused.exception.unsent, refused.exception.drafts, refused.exception.files))

        path = os.path.join(self.directory.name, "for-the-server")
        receipt = self.phone.export_unsettled(path)
        with open(path, "rb") as file:
            sealed = file.read()
        self.assertEqual(hashlib.sha256(sealed).digest(), receipt.file_sha256)
        self.assertNotIn(b"Zahnriemen", sealed)
        with self.assertRaises(FieldError.Unsettled, msg="the user has not confirmed it"):
            self.phone.log_out(receipt)
        ticket.note("and one more", None)
        with self.assertRaises(FieldError.Unsettled, msg="the file does not hold all of it"):
            self.phone.log_out(receipt, True)
        receipt = self.phone.export_unsettled(path)
        os.truncate(path, 10)
        with self.assertRaises(FieldError.Unsettled, msg="the file is not what was written"):
            self.phone.log_out(receipt, True)

        self.phone.log_out(self.phone.export_unsettled(path), True)
        self.assertEqual(["for-the-server"], os.listdir(self.directory.name))
        with self.assertRaises(FieldError.SignIn):
            self.phone.status()

    def test_a_ticket_that_is_not_here_is_not_found(self):
        for unknown in ["00000000-0000-4000-8000-000000000000", "no id at all"]:
            with self.assertRaises(FieldError.NotFound):
                self.phone.ticket(TicketId(unknown))


if __name__ == "__main__":
    unittest.main()
