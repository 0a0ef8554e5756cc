package callout.mobile

import callout.mobile.ids.DeviceId
import callout.mobile.ids.TenantId
import callout.mobile.ids.UserId
import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.ObjectMapper
import java.io.IOException
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse.BodyHandlers
import java.nio.file.Path
import java.security.SecureRandom
import java.time.Duration
import java.util.HexFormat

/*
 * What an app brings along: the session with the server, its network, and the directory of the phone. The server and
 * its people come from `mobile-ffi/with-server`, which leaves a description in CALLOUT_FIXTURE.
 */

const val APP_VERSION = "1.0.0"

private val json = ObjectMapper()
private val hex = HexFormat.of()

/** Address, people and tickets of the running server. */
val fixture: JsonNode by lazy {
    json.readTree(checkNotNull(System.getenv("CALLOUT_FIXTURE")) { "run `make test-kotlin`, which starts a server" })
}

/** A signed-in user, as the app's own network code sees it. */
class Session(who: JsonNode) {
    private val url = fixture["url"].asText()
    private val http = HttpClient.newHttpClient()
    private var token: String? = null

    init {
        token = call("POST", "/auth/sign-in", who)["access_token"].asText()
    }

    /** One request of the JSON API; of something that was read in this version, if it says one. */
    fun call(method: String, path: String, body: Any? = null, version: String? = null): JsonNode {
        val bytes = body?.let(json::writeValueAsBytes) ?: ByteArray(0)
        val answer = send(method, "/api/v1$path", bytes, "application/json", version)
        check(answer.first in 200..299) { "$method $path: ${answer.first} ${String(answer.second)}" }
        return json.readTree(answer.second)
    }

    /** Status and body. */
    fun send(method: String, path: String, body: ByteArray, type: String, version: String? = null): Pair<Int, ByteArray> {
        val request = HttpRequest.newBuilder(URI(url + path)).timeout(Duration.ofSeconds(30))
        version?.let { request.header("if-match", "\"$it\"") }
        if (body.isNotEmpty()) request.header("content-type", type)
        token?.let { request.header("authorization", "Bearer $it") }
        request.method(method, HttpRequest.BodyPublishers.ofByteArray(body))
        val answer = http.send(request.build(), BodyHandlers.ofByteArray())
        return answer.statusCode() to answer.body()
    }

    /** Makes this device known to the server. */
    fun enrol(key: SoftwareKey): JsonNode {
        val challenge = call("POST", "/devices/challenge")["challenge"].asText()
        val message = "callout enrol v1\u0000".toByteArray() + hex.parseHex(challenge) + key.publicKey()
        val request = mapOf(
            "challenge" to challenge,
            "public_key" to hex.formatHex(key.publicKey()),
            "signature" to hex.formatHex(key.sign(message)),
            "platform" to "android",
            "app_version" to APP_VERSION,
            "name" to "a phone",
        )
        return call("POST", "/devices", request)
    }
}

/** The network of the phone, which can be switched off. */
class Network(private val session: Session) : Transport {
    @Volatile
    var isOn = true

    override fun post(request: Request): ByteArray {
        if (!isOn) throw TransportException.Unreachable("switched off")
        val (status, answer) = try {
            session.send("POST", request.path, request.body, request.contentType)
        } catch (error: IOException) {
            throw TransportException.Unreachable(error.toString())
        }
        return when (status) {
            200 -> answer
            401 -> throw TransportException.SignIn()
            else -> throw TransportException.Failed(status.toUShort(), null)
        }
    }
}

/** A phone with a new key, and its network. */
fun enrolledPhone(session: Session, directory: Path): Pair<Phone, Network> {
    val key = SoftwareKey.generate()
    val enrolled = session.enrol(key)
    val me = session.call("GET", "/me")
    val config = PhoneConfig(
        directory = directory.toString(),
        storeKey = SecureRandom().generateSeed(32),
        tenant = TenantId(me["tenant"].asText()),
        user = UserId(me["id"].asText()),
        device = DeviceId(enrolled["device"]["id"].asText()),
        serverKeys = listOf(hex.parseHex(enrolled["server_public_key"].asText())),
        appVersion = APP_VERSION,
    )
    val network = Network(session)
    return Phone.open(config, key, network) to network
}
