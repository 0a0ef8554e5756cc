package callout.mobile

import com.sun.jna.Native

/**
 * Tells [changed] the day as it is, then every change, until the subscription is closed.
 *
 * Use this rather than a [PhoneListener] of your own: all calls come from one thread of the core, and here that is also
 * one [Thread] of the JVM, which would otherwise make a new one for each call.
 */
fun Phone.watch(changed: (Day) -> Unit): Subscription = watch(object : PhoneListener {
    override fun changed(day: Day) {
        Native.detach(false)
        changed.invoke(day)
    }
})
