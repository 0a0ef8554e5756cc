/** The ids of the core: strings, but no two kinds of them can be confused. */
package callout.mobile.ids

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
