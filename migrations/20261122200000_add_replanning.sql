-- What no longer fits is moved, or a move is suggested: which assignment it would end, and why it cannot stay.
alter table suggestion add column instead_of uuid;
alter table suggestion add column cause text;
alter table suggestion add constraint suggestion_cause_check check ((instead_of is null) = (cause is null));
create index suggestion_instead_of_idx on suggestion (tenant_id, instead_of);

-- An appointment that was moved because it did not fit any more: kept with the assignment it led to, never changed.
create table replanned (
    tenant_id uuid not null,
    grant_id uuid not null,              -- the new assignment
    visit_id uuid not null,
    ticket_id uuid not null,
    instead_of uuid not null,            -- the one that ended
    cause text not null,                 -- the hard rule that it broke, or what else stood in the way
    constraint replanned_pkey primary key (tenant_id, grant_id),
    constraint replanned_tenant_fkey foreign key (tenant_id) references tenant (tenant_id)
);

-- Appointments that take longer than planned, as far as anybody knows: until when their engineers are expected to be busy.
create table overrun (
    tenant_id uuid not null,
    grant_id uuid not null,
    visit_id uuid not null,
    expected_end timestamptz not null,
    noticed_at timestamptz not null,
    constraint overrun_pkey primary key (tenant_id, grant_id),
    constraint overrun_tenant_fkey foreign key (tenant_id) references tenant (tenant_id)
);

-- What is under way now, whoever does it.
create index booking_start_idx on booking (tenant_id, starts_at);

do $$
declare
    t text;
begin
    foreach t in array array['replanned', 'overrun'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format(
            'create policy tenant_isolation on %I to app
                using (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))
                with check (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))', t);
    end loop;
end
$$;

grant select, insert on replanned to app;
grant select, insert, update, delete on overrun to app;

create policy definer_reads on booking for select to callout_definer using (true);
create policy definer_reads on visit for select to callout_definer using (true);
grant select on booking, visit to callout_definer;

set role callout_definer;

-- The tenants in which somebody is at an appointment now, or should be.
create function tenants_under_way (at timestamptz)
    returns table (tenant_id uuid)
    language sql stable security definer set search_path = pg_catalog, public
as $$
    select t.tenant_id
    from public.tenant t
    where exists (
        select from public.booking b
        join public.visit v on v.tenant_id = b.tenant_id and v.visit_id = b.visit_id
        where b.tenant_id = t.tenant_id and b.starts_at between at - interval '1 day' and at
            and v.status in ('assigned', 'accepted', 'en_route', 'on_site', 'in_progress')
    )
$$;

reset role;

revoke all on function tenants_under_way (timestamptz) from public;
grant execute on function tenants_under_way (timestamptz) to app;
