-- The files of phones that were given up with work on them, as they were handed in: who brought which, and what came of it.
-- The file itself, sealed and signed by its device, stays with the blobs under its digest.

create table taken_export (
    tenant_id uuid not null,
    sha256 bytea not null,
    device_id uuid not null,
    user_id uuid not null,               -- whose work it is
    made_at timestamptz not null,        -- by the device's own clock
    handed_in_by uuid not null,
    received_at timestamptz not null,
    taken integer not null,              -- entries that nobody here had seen
    known integer not null,
    unreadable integer not null,
    constraint taken_export_pkey primary key (tenant_id, sha256),
    constraint taken_export_device_fkey foreign key (tenant_id, device_id) references device (tenant_id, device_id)
);

alter table taken_export enable row level security;
alter table taken_export force row level security;
create policy tenant_isolation on taken_export to app
    using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid))
    with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));

grant select, insert on taken_export to app;
