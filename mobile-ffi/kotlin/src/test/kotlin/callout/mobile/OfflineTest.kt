package callout.mobile

import callout.mobile.ids.TicketId
import callout.mobile.ids.VisitId
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Path
import java.security.MessageDigest
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit.SECONDS

private fun sha256(text: String) = MessageDigest.getInstance("SHA-256").digest(text.toByteArray())

/** A ticket worked in a basement, from Kotlin, against a running server. */
class OfflineTest {
    @TempDir
    lateinit var directory: Path
    private lateinit var phone: Phone
    private lateinit var network: Network

    @BeforeEach
    fun enrol() {
        val (phone, network) = enrolledPhone(Session(fixture["engineer"]), directory)
        this.phone = phone
        this.network = network
    }

    @Test
    fun `a visit is worked offline and then synced`() {
        val ticketId = TicketId(fixture["ticket"].asText())
        val visitId = VisitId(fixture["visit"].asText())
        val told = LinkedBlockingQueue<Pair<Day, Thread>>()
        val subscription = phone.watch { day -> told.put(day to Thread.currentThread()) }
        val (first, thread) = told.poll(10, SECONDS)!!
        assertEquals(emptyList<AgendaItem>(), first.agenda, "told at once, before anything has come")

        phone.sync()
        val item = phone.agenda().single { it.ticket == ticketId }
        assertEquals(visitId, item.visit)
        assertEquals(Status.ASSIGNED, item.status)
        assertEquals("Rathausstr. 15", item.site?.address)
        val ticket = phone.ticket(ticketId)
        val visit = ticket.visit(visitId)

        network.isOn = false
        val site = ticket.site()!!
        assertEquals(listOf("M. Okafor"), site.contacts.map { it.name }, "whom to ask for, with no network")
        val tooEarly = assertThrows(FieldException.Refused::class.java) { visit.start() }
        assertEquals("not_from_here", tooEarly.rule)
        val entries = mutableListOf(visit.accept(), visit.depart(), visit.checkIn(), visit.start())
        entries += visit.answer("voltage", "229")
        entries += ticket.note("Motor replaced; the old one is in the van.", null)
        entries += visit.attach(BlobReference(sha256("a photo"), 7, "image/jpeg", "after", null))
        entries += visit.sign(
            CustomerSignature(sha256("what was shown"), entries.subList(4, 7).toList(), sha256("strokes"), "M. Okafor"),
        )
        entries += visit.done("solved", "New motor fitted.")
        assertThrows(FieldException.Offline::class.java) { phone.sync() }
        assertEquals(entries.size.toUInt(), phone.status().unsent)
        assertFalse(phone.status().isSynced)
        assertEquals(2u, phone.status().awaitedBlobs)
        assertEquals(Status.DONE, ticket.view().status)

        // The app is suspended and comes back: nothing is lost.
        phone.pause()
        assertThrows(FieldException.Busy::class.java) { phone.status() }
        phone.resume()
        assertEquals(entries.size.toUInt(), phone.status().unsent)

        network.isOn = true
        val report = phone.sync()
        assertEquals(entries.size.toUInt() to 0u, report.acknowledged to report.refused)
        assertTrue(phone.status().isSynced)
        val view = ticket.view()
        assertEquals(listOf("Motor replaced; the old one is in the van."), view.notes.map { it.text })
        assertTrue(view.notes.all { it.isAdmitted } && view.answers.all { it.isAdmitted })
        assertEquals("M. Okafor", view.signatures.single().signer)
        assertEquals("done", Session(fixture["desk"]).call("GET", "/tickets/$ticketId")["status"].asText())

        val later = generateSequence { told.poll(1, SECONDS) }.toList()
        assertTrue(later.last().first.status.isSynced)
        assertEquals(setOf(thread), later.map { it.second }.toSet(), "always from one thread")
        subscription.close()
    }

    @Test
    fun `nobody logs out of work that is on this phone alone`() {
        phone.sync()
        phone.pause()
        assertThrows(FieldException.Busy::class.java) { phone.logOut() }
        phone.resume()
        network.isOn = false
        phone.ticket(TicketId(fixture["ticket"].asText())).note("Zahnriemen gerissen")
        val refused = assertThrows(FieldException.Unsettled::class.java) { phone.logOut() }
        assertEquals(1u to 0u, refused.unsent to refused.files)

        val file = directory.resolve("for-the-server")
        val receipt = phone.exportUnsettled(file.toString())
        assertThrows(FieldException.Unsettled::class.java) { phone.logOut(receipt) }
        phone.logOut(receipt, userConfirmed = true)
        assertEquals(listOf("for-the-server"), directory.toFile().list()!!.toList())
        assertThrows(FieldException.SignIn::class.java) { phone.status() }
    }

    @Test
    fun `a ticket that is not here is not found`() {
        for (unknown in listOf("00000000-0000-4000-8000-000000000000", "no id at all")) {
            assertThrows(FieldException.NotFound::class.java) { phone.ticket(TicketId(unknown)) }
        }
    }
}
