-- What of a user's work was set aside, for every device of hers.
create index quarantine_user_idx on quarantine (tenant_id, user_id, ticket_id);
