package callout.mobile

import callout.mobile.ids.ArticleId
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Path

/** Procedures found in a basement, in Chinese and in English, from Kotlin, against a running server. */
class KnowledgeTest {
    @TempDir
    lateinit var directory: Path
    private val desk = Session(fixture["desk"])

    private fun publish(title: String, body: String, language: String): ArticleId {
        val draft = desk.call(
            "POST", "/articles", mapOf("title" to title, "body" to body, "language" to language, "tags" to listOf("belt")),
        )
        return ArticleId(draft["article_id"].asText()).also { step(it, "publish") }
    }

    private fun step(article: ArticleId, verb: String) {
        val version = desk.call("GET", "/articles/$article?draft=true")["version"].asText()
        desk.call("POST", "/articles/$article/$verb", version = version)
    }

    @Test
    fun `procedures are found with no network in both languages`() {
        val chinese = publish("更换传动皮带", "先切断电源并上锁。型号 KX-3050/C。", "zh")
        val english = publish("Replacing the drive belt", "Lock out the mains. See E17.", "en")
        val (phone, network) = enrolledPhone(Session(fixture["engineer"]), directory)
        val knowledge = phone.knowledge()
        assertEquals(emptyList<FoundArticle>(), knowledge.search("皮带"))

        phone.sync()
        network.isOn = false
        val status = knowledge.status()
        assertTrue(status.isComplete && status.articles >= 2u)
        assertNull(status.fault)
        val expected = mapOf(
            "传动皮带" to chinese, "上锁" to chinese, "kx3050c" to chinese, "更换 带" to chinese,
            "MAINS" to english, "replace belts" to english, "e17" to english, "belt" to english,
        )
        for ((query, article) in expected) assertEquals(article, knowledge.search(query).first().id, query)
        for (hostile in listOf("", "\"", "NEAR(a b)", "*", "a AND -", "'; --", "\u0000", "密".repeat(5000))) {
            knowledge.search(hostile, 5u)
        }
        val found = knowledge.search("切断电源", 1u).single()
        assertEquals("更换传动皮带", found.title.joinToString("") { it.text })
        assertEquals(listOf("切断电源"), found.snippet.filter { it.isFound }.map { it.text })
        val article = knowledge.article(found.id)
        assertEquals(Triple("zh", "先切断电源并上锁。型号 KX-3050/C。", listOf("belt")), Triple(article.language, article.body, article.tags))
        val unknown = ArticleId("00000000-0000-4000-8000-000000000000")
        assertThrows(FieldException.NotFound::class.java) { knowledge.article(unknown) }

        step(chinese, "withdraw")
        assertEquals(1, knowledge.search("传动皮带").size, "with no network it has what it had")
        network.isOn = true
        phone.sync()
        assertEquals(emptyList<FoundArticle>(), knowledge.search("传动皮带"))
    }
}
