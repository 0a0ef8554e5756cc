-- How foreign files become tickets: named mappings, and which foreign row has become which ticket.

create table import_mapping (
    tenant_id uuid not null,
    name text not null,
    definition jsonb not null,
    version bigint not null default 1,
    updated_at timestamptz not null,
    constraint import_mapping_pkey primary key (tenant_id, name),
    constraint import_mapping_tenant_fkey foreign key (tenant_id) references tenant (tenant_id),
    constraint import_mapping_name_check check (name ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$')
);

-- One foreign row, whatever file it came in: importing it again changes nothing.
create table imported_row (
    tenant_id uuid not null,
    source text not null,
    external_id text not null,
    content_sha256 bytea not null,       -- of the mapped row, before any shift of dates
    ticket_id uuid not null,
    imported_at timestamptz not null,
    constraint imported_row_pkey primary key (tenant_id, source, external_id),
    constraint imported_row_tenant_fkey foreign key (tenant_id) references tenant (tenant_id),
    constraint imported_row_external_id_check check (length(external_id) between 1 and 200)
);
create index imported_row_ticket_idx on imported_row (tenant_id, ticket_id);

do $$
declare
    t text;
begin
    foreach t in array array['import_mapping', 'imported_row'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format(
            'create policy tenant_isolation on %I
                using (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))
                with check (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))', t);
    end loop;
end
$$;

grant select, insert, update, delete on import_mapping to app;
grant select, insert on imported_row to app;
