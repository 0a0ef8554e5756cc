/** The ids of the core: strings, but no two kinds of them can be confused. */
package callout.mobile.ids

/** One company using the server. */
@JvmInline
value class TenantId(val value: String) {
    override fun toString() = value
}

/** A person who can sign in. */
@JvmInline
value class UserId(val value: String) {
    override fun toString() = value
}

/** One enrolled installation of the app. */
@JvmInline
value class DeviceId(val value: String) {
    override fun toString() = value
}

/** One request and the work done for it. */
@JvmInline
value class TicketId(val value: String) {
    override fun toString() = value
}

/** One planned or actual presence of an engineer on a site. */
@JvmInline
value class VisitId(val value: String) {
    override fun toString() = value
}

/** One entry of a ticket: a note, an answer, a step. */
@JvmInline
value class FactId(val value: String) {
    override fun toString() = value
}

/** One wish, such as to take a ticket from the pool. */
@JvmInline
value class IntentId(val value: String) {
    override fun toString() = value
}

/** A kind of spare part. */
@JvmInline
value class PartId(val value: String) {
    override fun toString() = value
}

/** The organisation that asked for the work. */
@JvmInline
value class CustomerId(val value: String) {
    override fun toString() = value
}

/** Where the work is done. */
@JvmInline
value class SiteId(val value: String) {
    override fun toString() = value
}

/** Somebody on site. */
@JvmInline
value class ContactId(val value: String) {
    override fun toString() = value
}

/** One article or procedure. */
@JvmInline
value class ArticleId(val value: String) {
    override fun toString() = value
}
