package callout.mobile

import callout.mobile.ids.TicketId
import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.ObjectMapper
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Path
import java.time.Instant
import java.time.temporal.ChronoUnit.HOURS

/** Work that engineers take themselves, from Kotlin, against a running server. */
class PoolTest {
    @TempDir
    lateinit var directory: Path

    private val desk = Session(fixture["desk"])

    /** Synchronises until the server has come so far. */
    private fun Phone.until(holds: () -> Boolean) {
        repeat(500) {
            sync()
            if (holds()) return
        }
        error("it never comes")
    }

    private fun engineer(name: String): Pair<Phone, Network> {
        val credentials = mapOf("email" to "$name@acme.example", "password" to fixture["engineer"]["password"].asText())
        val user = desk.call("POST", "/users", credentials + mapOf("name" to name, "role" to "engineer"))["id"].asText()
        val home = mapOf("lat" to 52.52, "lon" to 13.405)
        desk.call("POST", "/engineers", mapOf("user_id" to user, "display_name" to name, "home" to home))
        val now = Instant.now()
        val shift = mapOf("starts_at" to now.toString(), "ends_at" to now.plus(12, HOURS).toString())
        desk.call("POST", "/engineers/$user/shifts", mapOf("shifts" to listOf(shift)))
        val own = directory.resolve(name).also { it.toFile().mkdir() }
        return enrolledPhone(Session(ObjectMapper().valueToTree<JsonNode>(credentials)), own)
    }

    @Test
    fun `of two who want it offline one gets it and the other is told`() {
        val type = mapOf(
            "code" to "grab", "name_en" to "Grab", "name_zh" to "抢单", "duration_min" to 15, "priority" to 2,
            "dispatch_mode" to "pool",
        )
        desk.call("POST", "/ticket-types", type)
        val (ana, up) = engineer("ana-of-the-pool")
        val (ben, way) = engineer("ben-of-the-pool")
        val site = desk.call("GET", "/tickets/${fixture["ticket"].asText()}")["site_id"].asText()
        val asked = mapOf("ticket_type" to "grab", "title" to "Secret words", "site_id" to site)
        val ticket = TicketId(desk.call("POST", "/tickets", asked)["ticket_id"].asText())
        fun Phone.offer() = pool().offers().singleOrNull { it.ticket == ticket }
        for (phone in listOf(ana, ben)) phone.until { phone.offer() != null }
        assertEquals("grab", ana.offer()!!.ticketType)
        assertFalse("Secret" in ana.offer().toString())

        up.isOn = false
        way.isOn = false
        val wish = ana.pool().take(ticket)
        assertEquals(wish, ana.pool().take(ticket), "she wants it once")
        ben.pool().withdraw(ben.pool().take(ticket))
        assertEquals(emptyList<Take>(), ben.pool().takes())
        ben.pool().take(ticket)
        assertEquals(TakeState.Waiting, ana.pool().takes().single().state)
        val unsettled = assertThrows(FieldException.Unsettled::class.java) { ana.logOut() }
        assertEquals(1u, unsettled.wishes)

        up.isOn = true
        way.isOn = true
        ana.sync()
        ben.sync()
        assertEquals(TakeState.Granted, ana.pool().takes().single().state)
        val told = ben.pool().takes().single().state as TakeState.Refused
        assertEquals("taken", told.code)
        assertTrue(told.detail.isNotEmpty())
        ana.until { ana.agenda().any { it.ticket == ticket } }
        ben.until { ben.offer() == null }
        ana.pool().dismiss(wish)
        assertEquals(emptyList<Take>(), ana.pool().takes())
    }
}
