package callout.mobile

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test

class KeyTest {
    @Test
    fun `a software key survives by its secret`() {
        val key = SoftwareKey.generate()
        val again = SoftwareKey.fromSecret(key.secret())
        assertArrayEquals(key.publicKey(), again.publicKey())
        assertEquals(64, key.sign("visit".toByteArray()).size)
    }

    @Test
    fun `what is no key is refused by name`() {
        val refused = assertThrows(FieldException.Refused::class.java) { SoftwareKey.fromSecret(ByteArray(31)) }
        assertEquals("key", refused.rule)
    }
}
