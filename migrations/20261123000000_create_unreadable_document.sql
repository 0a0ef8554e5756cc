-- Documents that did not open on a phone, with what came there: for whoever has to find out why. Kept for thirty days
-- after the phone last said so.
create table unreadable_document (
    tenant_id uuid not null,
    device_id uuid not null,
    ticket_id uuid not null,
    failures integer not null,           -- how often the phone has tried
    detail text not null,                -- what the phone says of it
    sample bytea,                        -- what came, as far as the phone sent it; it sends it once, when it gives up
    first_reported_at timestamptz not null,
    reported_at timestamptz not null,
    constraint unreadable_document_pkey primary key (tenant_id, device_id, ticket_id),
    constraint unreadable_document_device_fkey foreign key (tenant_id, device_id) references device (tenant_id, device_id),
    constraint unreadable_document_ticket_fkey
        foreign key (tenant_id, ticket_id) references ticket_document (tenant_id, ticket_id),
    constraint unreadable_document_failures_check check (failures >= 1),
    constraint unreadable_document_detail_check check (char_length(detail) <= 500),
    constraint unreadable_document_sample_check check (octet_length(sample) between 1 and 65536)
);

alter table unreadable_document enable row level security;
alter table unreadable_document force row level security;
create policy tenant_isolation on unreadable_document to app
    using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid))
    with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));

grant select, insert, update, delete on unreadable_document to app;
