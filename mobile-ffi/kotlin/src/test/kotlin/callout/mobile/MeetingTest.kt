package callout.mobile

import callout.mobile.ids.TicketId
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Path

/** Brings the bytes of two ends over, in pieces of this length, until nobody says anything more. */
private fun carry(one: Meeting, other: Meeting, piece: Int) {
    do {
        var moved = false
        for ((sender, receiver) in listOf(one to other, other to one)) {
            while (true) {
                val frame = sender.nextBytes() ?: break
                frame.asList().chunked(piece).forEach { receiver.received(it.toByteArray()) }
                moved = true
            }
        }
    } while (moved)
}

/** Two phones that meet in a basement, from Kotlin; one of them carries the other's work to a running server. */
class MeetingTest {
    @TempDir
    lateinit var directory: Path
    private val desk = Session(fixture["desk"])
    private val ticket = ticketOfThisTestAlone()

    private fun ticketOfThisTestAlone(): TicketId {
        val engineer = Session(fixture["engineer"]).call("GET", "/me")["id"].asText()
        val site = desk.call("GET", "/tickets/${fixture["ticket"].asText()}")["site_id"].asText()
        val made = desk.call(
            "POST", "/tickets", mapOf("ticket_type" to "repair", "title" to "Below", "site_id" to site),
        )
        val visit = made["visits"][0]["visit_id"].asText()
        desk.call("POST", "/visits/$visit/assignments", mapOf("engineer_id" to engineer, "override" to true))
        return TicketId(made["ticket_id"].asText())
    }

    private fun phone(name: String): Pair<Phone, Network> {
        val home = directory.resolve(name).also { it.toFile().mkdir() }
        return enrolledPhone(Session(fixture["engineer"]), home)
    }

    private fun saidAtTheDesk(fact: Any) =
        desk.call("GET", "/tickets/$ticket")["timeline"].count { it["fact_id"].asText() == fact.toString() }

    @Test
    fun `one phone carries the other's work to the server`() {
        val (below, network) = phone("below")
        val (carrier, wayUp) = phone("carrier")
        below.sync()
        carrier.sync()
        network.isOn = false
        wayUp.isOn = false
        val note = below.ticket(ticket).note("The shaft is under water.", null)

        val one = below.meet(true)
        val other = carrier.meet(false)
        carry(one, other, 7)
        assertTrue(one.isOver() && other.isOver())
        assertEquals(1u to emptyList<String>(), one.report().handedOver to one.report().refused)
        assertEquals(1u, other.report().taken)
        assertEquals(1u, carrier.status().carried)
        val entry = carrier.ticket(ticket).fromColleagues()!!.entries.single()
        assertEquals(Triple(note, "note", "The shaft is under water."), Triple(entry.fact, entry.kind, entry.text))
        assertEquals(other.report().device, entry.device)
        assertFalse(carrier.ticket(ticket).view().notes.any { it.fact == note }, "it is shown apart")
        assertEquals(1u, assertThrows(FieldException.Unsettled::class.java) { carrier.logOut() }.carried)

        wayUp.isOn = true
        assertEquals(1u, carrier.sync().delivered)
        assertEquals(0u, carrier.status().carried)
        assertEquals(1, saidAtTheDesk(note))

        network.isOn = true
        below.sync()
        assertEquals(0u to 0u, below.status().unsent to below.status().drafts, "its author is told that it is there")
        assertEquals(1, saidAtTheDesk(note), "once")
    }

    @Test
    fun `a phone that never met its server says so`() {
        val refused = assertThrows(FieldException.Refused::class.java) { phone("new").first.meet(true) }
        assertEquals("certificate", refused.rule)
    }

    @Test
    fun `noise ends a meeting and nothing else`() {
        val (phone, _) = phone("calm")
        phone.sync()
        val meeting = phone.meet(false)
        assertThrows(FieldException.Offline::class.java) { meeting.received("GET / HTTP/1.1\r\n\r\n".toByteArray()) }
        assertTrue(meeting.isOver())
        assertTrue(phone.agenda().any { it.ticket == ticket }, "it goes on as if nothing had been")
    }
}
