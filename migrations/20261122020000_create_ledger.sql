-- The ledger: what every ticket's document consists of, and what is derived from it.
--
-- The truth is in ticket_document, ticket_change, batch, device_session and quarantine: they are only ever appended to,
-- but for the row that is locked. Everything under "projections" can be dropped and rebuilt from the changes.
-- xid holds pg_current_xact_id() as a bigint: serials commit out of order, transaction ids below the oldest running
-- transaction do not, so a reader in (xid, serial) order below pg_snapshot_xmin never misses a row.

create extension if not exists btree_gist;

-- the truth ----------------------------------------------------------------------------------------------------------

create table ticket_document (
    tenant_id uuid not null references tenant (tenant_id),
    ticket_id uuid not null,
    document_key bytea,                  -- null: erased
    version bigint not null,             -- number of changes
    heads bytea not null,                -- of the document, 32 bytes each
    chain_hash bytea not null,           -- of the last change; with version it names the exact content
    admitted bigint not null,            -- admission numbers given out
    snapshot bytea not null,             -- a cache: document as of snapshot_version
    snapshot_version bigint not null,
    created_at timestamptz not null,
    constraint ticket_document_pkey primary key (tenant_id, ticket_id),
    constraint ticket_document_key_check check (octet_length(document_key) = 32)
);

create table ticket_change (
    tenant_id uuid not null,
    ticket_id uuid not null,
    version bigint not null,
    hash bytea not null,
    actor bytea not null,
    seq bigint not null,
    user_id uuid,
    device_id uuid,                      -- null: written by the server
    session_nonce bytea,
    dev_seq bigint,
    bytes bytea not null,
    chain_hash bytea not null,           -- sha256(chain hash before | hash | user | device | received)
    received_at timestamptz not null,
    constraint ticket_change_pkey primary key (tenant_id, ticket_id, version),
    constraint ticket_change_document_fkey foreign key (tenant_id, ticket_id) references ticket_document (tenant_id, ticket_id),
    constraint ticket_change_hash_key unique (tenant_id, ticket_id, hash),
    constraint ticket_change_actor_seq_key unique (tenant_id, actor, seq)
);

create table device_session (
    tenant_id uuid not null,
    device_id uuid not null,
    session_nonce bytea not null,
    last_dev_seq bigint not null,
    last_batch_hash bytea not null,
    opened_at timestamptz not null,
    constraint device_session_pkey primary key (tenant_id, device_id, session_nonce)
);

create table batch (
    tenant_id uuid not null,
    device_id uuid not null,
    session_nonce bytea not null,
    dev_seq bigint not null,
    ticket_id uuid not null,
    user_id uuid not null,
    hash bytea not null,
    header bytea not null,
    signature bytea not null,
    answer bytea not null,               -- what was answered; a repetition is answered the same
    received_at timestamptz not null,
    constraint batch_pkey primary key (tenant_id, device_id, session_nonce, dev_seq)
);

create table quarantine (
    tenant_id uuid not null,
    quarantine_id uuid not null,
    ticket_id uuid not null,
    device_id uuid not null,
    user_id uuid not null,
    session_nonce bytea,                 -- null: handed in by itself, as the entry alone
    dev_seq bigint,
    change_hash bytea not null,          -- SHA-256 of the change; of the entry where it was handed in by itself
    change_bytes bytea not null,
    fact_id uuid,
    fact_kind text,
    code text not null,
    detail text not null,
    received_at timestamptz not null,
    settled_at timestamptz,
    settled_by uuid,
    settlement text,
    constraint quarantine_pkey primary key (tenant_id, quarantine_id),
    constraint quarantine_batch_check check ((session_nonce is null) = (dev_seq is null)),
    constraint quarantine_settlement_check check (settlement in ('entered', 'dismissed', 'withdrawn'))
);
create index quarantine_open_idx on quarantine (tenant_id, received_at, quarantine_id) where settled_at is null;
create index quarantine_ticket_idx on quarantine (tenant_id, ticket_id) where settled_at is null;
create unique index quarantine_change_idx on quarantine (tenant_id, device_id, session_nonce, dev_seq, change_hash);
create index quarantine_device_idx on quarantine (tenant_id, device_id, settled_at) where settled_by is not null;
create unique index quarantine_handed_in_idx on quarantine (tenant_id, device_id, fact_id) where session_nonce is null;

create table booking (
    tenant_id uuid not null,
    grant_id uuid not null,
    user_id uuid not null,
    ticket_id uuid not null,
    visit_id uuid not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    constraint booking_pkey primary key (tenant_id, grant_id),
    constraint booking_window_check check (starts_at < ends_at),
    constraint booking_no_overlap exclude using gist (
        tenant_id with =, user_id with =, tstzrange(starts_at, ends_at) with &&
    )
);
create index booking_user_idx on booking (tenant_id, user_id, starts_at);
create index booking_visit_idx on booking (tenant_id, visit_id);

-- What is still only on a phone, as it last said.
create table device_report (
    tenant_id uuid not null,
    device_id uuid not null,
    unsent integer not null,
    oldest_unsent_at timestamptz,
    drafts integer not null,
    blobs integer not null,
    skew_ms bigint not null,
    reported_at timestamptz not null,
    constraint device_report_pkey primary key (tenant_id, device_id),
    constraint device_report_device_fkey foreign key (tenant_id, device_id) references device (tenant_id, device_id)
);

create table ticket_number (
    tenant_id uuid not null references tenant (tenant_id),
    last_number bigint not null,
    constraint ticket_number_pkey primary key (tenant_id)
);

-- the way out --------------------------------------------------------------------------------------------------------

-- One sequence for all that is read in feed order, so that several tables can be followed as one stream.
create sequence feed_serial;

create table feed (
    tenant_id uuid not null,
    channel text not null,
    xid bigint not null default (pg_current_xact_id()::text::bigint),
    serial bigint not null default nextval('feed_serial'),
    ticket_id uuid not null,
    kind text not null,
    from_version bigint not null,
    to_version bigint not null,
    constraint feed_pkey primary key (tenant_id, channel, xid, serial),
    constraint feed_kind_check check (kind in ('enter', 'change', 'leave'))
);

create table outbox (
    tenant_id uuid not null,
    xid bigint not null default (pg_current_xact_id()::text::bigint),
    serial bigint not null default nextval('feed_serial'),
    kind text not null,
    ticket_id uuid,
    user_id uuid,                        -- whom it is about; null: the desk alone
    payload jsonb not null,
    created_at timestamptz not null,
    constraint outbox_pkey primary key (tenant_id, xid, serial)
);

-- projections --------------------------------------------------------------------------------------------------------

create table ticket (
    tenant_id uuid not null,
    ticket_id uuid not null,
    number text not null,
    ticket_type text not null,
    title text not null,
    description text,
    priority integer not null,
    status text not null,
    customer_id uuid,
    site_id uuid,
    asset_id uuid,
    contact_id uuid,
    respond_by timestamptz,
    resolve_by timestamptz,
    duration_ms bigint not null,
    needs_review boolean not null,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint ticket_pkey primary key (tenant_id, ticket_id),
    constraint ticket_number_key unique (tenant_id, number)
);
create index ticket_status_idx on ticket (tenant_id, status, created_at, ticket_id);
create index ticket_site_idx on ticket (tenant_id, site_id);
create index ticket_review_idx on ticket (tenant_id, updated_at) where needs_review;

create table ticket_skill (
    tenant_id uuid not null,
    ticket_id uuid not null,
    skill text not null,
    level integer not null,
    constraint ticket_skill_pkey primary key (tenant_id, ticket_id, skill)
);

create table visit (
    tenant_id uuid not null,
    visit_id uuid not null,
    ticket_id uuid not null,
    status text not null,
    starts_at timestamptz,
    ends_at timestamptz,
    is_pinned boolean not null,
    constraint visit_pkey primary key (tenant_id, visit_id)
);
create index visit_ticket_idx on visit (tenant_id, ticket_id);
create index visit_start_idx on visit (tenant_id, starts_at, visit_id);

create table assignment (
    tenant_id uuid not null,
    grant_id uuid not null,
    ticket_id uuid not null,
    visit_id uuid not null,
    user_id uuid not null,
    role text not null,
    granted_by uuid not null,
    granted_at timestamptz not null,
    ended_at timestamptz,
    ended_by uuid,
    constraint assignment_pkey primary key (tenant_id, grant_id)
);
create index assignment_user_idx on assignment (tenant_id, user_id) where ended_at is null;
create index assignment_visit_idx on assignment (tenant_id, visit_id);

create table fact (
    tenant_id uuid not null,
    ticket_id uuid not null,
    fact_id uuid not null,
    n bigint not null,
    kind text not null,
    visit_id uuid,
    user_id uuid,
    device_id uuid,
    device_time timestamptz not null,
    received_at timestamptz not null,
    verdict text not null,
    status text not null,
    flags text[] not null,
    body jsonb not null,
    constraint fact_pkey primary key (tenant_id, ticket_id, fact_id)
);
create index fact_order_idx on fact (tenant_id, ticket_id, n);

create table evidence (
    tenant_id uuid not null,
    ticket_id uuid not null,
    fact_id uuid not null,
    sha256 bytea not null,
    size bigint not null,
    mime text not null,
    role text not null,
    step text,
    constraint evidence_pkey primary key (tenant_id, ticket_id, fact_id)
);
create index evidence_hash_idx on evidence (tenant_id, sha256);

create table part_use (
    tenant_id uuid not null,
    ticket_id uuid not null,
    fact_id uuid not null,
    part_id uuid not null,
    quantity bigint not null,
    user_id uuid,
    constraint part_use_pkey primary key (tenant_id, ticket_id, fact_id)
);

create table ticket_scope (
    tenant_id uuid not null,
    channel text not null,
    ticket_id uuid not null,
    constraint ticket_scope_pkey primary key (tenant_id, channel, ticket_id)
);
create index ticket_scope_ticket_idx on ticket_scope (tenant_id, ticket_id);

create table stored_blob (
    tenant_id uuid not null,
    sha256 bytea not null,
    size bigint not null,
    stored_at timestamptz not null,
    constraint stored_blob_pkey primary key (tenant_id, sha256)
);

-- the nets -----------------------------------------------------------------------------------------------------------

do $$
declare
    t text;
begin
    foreach t in array array[
        'ticket_document', 'ticket_change', 'device_session', 'batch', 'quarantine', 'booking', 'ticket_number', 'device_report', 'feed', 'outbox',
        'ticket', 'ticket_skill', 'visit', 'assignment', 'fact', 'evidence', 'part_use', 'ticket_scope', 'stored_blob'
    ] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format(
            'create policy tenant_isolation on %I to app
                using (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))
                with check (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))', t);
    end loop;
end
$$;

-- What is true is not rewritten: no update or delete of changes and batches.
grant select, insert on ticket_change, batch, feed, outbox, stored_blob to app;
grant select, insert, update on ticket_document, device_session, quarantine, ticket_number, device_report to app;
grant usage on sequence feed_serial to app;
grant select, insert, update, delete on
    booking, ticket, ticket_skill, visit, assignment, fact, evidence, part_use, ticket_scope to app;
