-- The relay: how far each consumer of the outbox has come, tenant by tenant, so that one tenant's flood or one tenant's
-- poisonous event holds up nobody else.
--
-- A position is leased, not locked: nothing stays open while a consumer works, and the lease of a process that died
-- runs out by itself.

create table relay_position (
    tenant_id uuid not null,
    consumer text not null,
    xid bigint not null,
    serial bigint not null,
    holder uuid,                         -- which process works on it, until held_until by the database's clock
    held_until timestamptz,
    attempts integer not null,           -- how often the event after this position has failed
    retry_at timestamptz,
    constraint relay_position_pkey primary key (tenant_id, consumer),
    constraint relay_position_tenant_fkey foreign key (tenant_id) references tenant (tenant_id),
    constraint relay_position_holder_check check ((holder is null) = (held_until is null)),
    constraint relay_position_retry_check check ((attempts = 0) = (retry_at is null))
);

-- Events given up on. A person must look.
create table relay_failure (
    tenant_id uuid not null,
    consumer text not null,
    xid bigint not null,
    serial bigint not null,
    kind text not null,
    attempts integer not null,
    error text not null,
    failed_at timestamptz not null,
    constraint relay_failure_pkey primary key (tenant_id, consumer, xid, serial),
    constraint relay_failure_tenant_fkey foreign key (tenant_id) references tenant (tenant_id)
);

do $$
declare
    t text;
begin
    foreach t in array array['relay_position', 'relay_failure'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format(
            'create policy tenant_isolation on %I to app
                using (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))
                with check (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))', t);
    end loop;
end
$$;

grant select, insert, update on relay_position to app;
grant select, insert on relay_failure to app;

-- What is asked before a tenant is known. Each looks at one row a tenant, by the outbox's primary key.

create policy definer_reads on outbox for select to callout_definer using (true);
create policy definer_reads on relay_position for select to callout_definer using (true);
grant select on outbox, relay_position to callout_definer;

set role callout_definer;

-- The tenants in which a consumer has something to do that nobody is doing.
create function relay_due (the_consumer text, at_time timestamptz)
    returns table (tenant_id uuid)
    language sql stable security definer set search_path = pg_catalog, public
as $$
    select t.tenant_id
    from public.tenant t
    left join public.relay_position p on p.tenant_id = t.tenant_id and p.consumer = the_consumer
    cross join lateral (
        select from public.outbox o
        where o.tenant_id = t.tenant_id
            and (o.xid, o.serial) > (coalesce(p.xid, 0), coalesce(p.serial, 0))
        order by o.xid, o.serial
        limit 1
    ) next
    where (p.held_until is null or p.held_until < clock_timestamp())
        and (p.retry_at is null or p.retry_at <= at_time)
$$;

-- Age in seconds of the oldest event that a consumer has not yet handled; null when there is none.
create function relay_lag_s (the_consumer text, at_time timestamptz)
    returns double precision language sql stable security definer set search_path = pg_catalog, public
as $$
    select extract(epoch from at_time - min(oldest.created_at))::double precision
    from public.tenant t
    left join public.relay_position p on p.tenant_id = t.tenant_id and p.consumer = the_consumer
    cross join lateral (
        select o.created_at
        from public.outbox o
        where o.tenant_id = t.tenant_id
            and (o.xid, o.serial) > (coalesce(p.xid, 0), coalesce(p.serial, 0))
        order by o.xid, o.serial
        limit 1
    ) oldest
$$;

-- Age in seconds of the oldest event that is committed and cannot be read yet, because an older transaction, in any
-- database of the cluster, is still running; null when there is none.
create function feed_lag_s (at_time timestamptz)
    returns double precision language sql stable security definer set search_path = pg_catalog, public
as $$
    select extract(epoch from at_time - min(oldest.created_at))::double precision
    from public.tenant t
    cross join lateral (
        select o.created_at
        from public.outbox o
        where o.tenant_id = t.tenant_id
            and o.xid >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
        order by o.xid, o.serial
        limit 1
    ) oldest
$$;

reset role;

revoke all on function relay_due (text, timestamptz), relay_lag_s (text, timestamptz), feed_lag_s (timestamptz) from public;
grant execute on function relay_due (text, timestamptz), relay_lag_s (text, timestamptz), feed_lag_s (timestamptz) to app;
