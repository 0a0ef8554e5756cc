package callout.mobile

import callout.mobile.ids.DeviceId
import callout.mobile.ids.TenantId
import callout.mobile.ids.UserId
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Path
import java.util.UUID
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit.MILLISECONDS
import java.util.concurrent.TimeUnit.SECONDS

/** A phone that has never met its server. */
class PhoneTest {
    @TempDir
    lateinit var directory: Path

    private fun phone(post: () -> ByteArray): Phone {
        val someKey = byteArrayOf(0x58) + ByteArray(31) { 0x66 }
        val id = { UUID.randomUUID().toString() }
        val config = PhoneConfig(
            directory.toString(), ByteArray(32) { 7 }, TenantId(id()), UserId(id()), DeviceId(id()), listOf(someKey), "1.0.0",
        )
        val transport = object : Transport {
            override fun post(request: Request) = post()
        }
        return Phone.open(config, SoftwareKey.generate(), transport)
    }

    @Test
    fun `it opens with no network, and a listener hears of it`() {
        val phone = phone { throw TransportException.Unreachable("no signal") }
        val told = LinkedBlockingQueue<Day>()
        val subscription = phone.watch(object : PhoneListener {
            override fun changed(day: Day) = told.put(day)
        })
        assertNull(told.poll(10, SECONDS)!!.status.trouble)
        assertThrows(FieldException.Offline::class.java) { phone.sync() }
        assertEquals(Trouble.Offline, told.poll(10, SECONDS)!!.status.trouble)
        subscription.close()
        phone.pause()
        phone.resume()
        assertNull(told.poll(300, MILLISECONDS), "a closed subscription hears no more")
    }

    @Test
    fun `a defect of the app is not a crash`() {
        val phone = phone { error("a defect of the app") }
        assertThrows(FieldException.Offline::class.java) { phone.sync() }
    }

    @Test
    fun `an ended session asks to sign in`() {
        val phone = phone { throw TransportException.SignIn() }
        assertThrows(FieldException.SignIn::class.java) { phone.sync() }
    }
}
