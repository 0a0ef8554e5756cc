//! Background loops. Each is started by `boot` and stopped after the last request has been answered.
