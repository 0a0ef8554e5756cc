-- What phones gave back to a server restored from a backup, and what cannot be taken in yet: a change waits here until
-- those it was made upon have come back as well.

create table returned_change (
    tenant_id uuid not null,
    ticket_id uuid not null,
    hash bytea not null,
    bytes bytea not null,
    user_id uuid,
    device_id uuid,                      -- null: written by the server
    session_nonce bytea,
    dev_seq bigint,
    received_at timestamptz not null,
    constraint returned_change_pkey primary key (tenant_id, ticket_id, hash)
);

alter table returned_change enable row level security;
alter table returned_change force row level security;
create policy tenant_isolation on returned_change to app
    using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid))
    with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));

grant select, insert, delete on returned_change to app;
