-- Where the engineers are: a log of fixes that is only appended to, the latest fix of each engineer, and what was
-- refused.
--
-- A fix that became its engineer's latest is also a row of the live stream: its (xid, serial) comes from the same
-- sequence as the outbox's, so that positions and events are read as one stream in one order that never skips.

create table engineer_position (
    tenant_id uuid not null,
    device_id uuid not null,
    device_time timestamptz not null,    -- by the phone's clock; with the device it names the fix
    user_id uuid not null,
    recorded_at timestamptz not null,    -- device_time on the server's clock
    received_at timestamptz not null,
    lat double precision not null,
    lon double precision not null,
    accuracy_m double precision,
    heading_deg double precision,
    speed_mps double precision,
    is_move boolean not null,            -- it became the engineer's latest as it arrived
    xid bigint not null default (pg_current_xact_id()::text::bigint),
    serial bigint not null default nextval('feed_serial'),
    constraint engineer_position_pkey primary key (tenant_id, device_id, device_time),
    constraint engineer_position_device_fkey foreign key (tenant_id, device_id) references device (tenant_id, device_id),
    constraint engineer_position_lat_check check (lat between -90 and 90),
    constraint engineer_position_lon_check check (lon between -180 and 180),
    constraint engineer_position_time_check check (recorded_at <= received_at + interval '2 minutes')
);
create index engineer_position_track_idx on engineer_position (tenant_id, device_id, recorded_at);
create index engineer_position_stream_idx on engineer_position (tenant_id, xid, serial) where is_move;
-- Rows arrive in this order, so a block range index is enough to find the old ones.
create index engineer_position_received_idx on engineer_position using brin (received_at);

create table latest_position (
    tenant_id uuid not null,
    user_id uuid not null,
    device_id uuid not null,
    recorded_at timestamptz not null,
    received_at timestamptz not null,
    lat double precision not null,
    lon double precision not null,
    accuracy_m double precision,
    heading_deg double precision,
    speed_mps double precision,
    constraint latest_position_pkey primary key (tenant_id, user_id),
    constraint latest_position_user_fkey foreign key (tenant_id, user_id) references app_user (tenant_id, user_id),
    constraint latest_position_device_fkey foreign key (tenant_id, device_id) references device (tenant_id, device_id),
    constraint latest_position_time_check check (recorded_at <= received_at + interval '2 minutes')
);

-- Kept for a day, to see what is wrong with a phone. Where an engineer was outside a shift is not kept: fixes refused
-- for their time are counted, nothing more.
create table position_reject (
    tenant_id uuid not null,
    reject_id bigint not null generated always as identity,
    device_id uuid not null,
    user_id uuid not null,
    reason text not null,
    fixes integer not null,              -- how many of one batch this row stands for
    device_time timestamptz,
    recorded_at timestamptz,
    lat double precision,
    lon double precision,
    received_at timestamptz not null,
    constraint position_reject_pkey primary key (tenant_id, reject_id),
    constraint position_reject_device_fkey foreign key (tenant_id, device_id) references device (tenant_id, device_id),
    constraint position_reject_reason_check check (
        reason in ('out_of_range', 'no_fix', 'implausible', 'future', 'stale', 'duplicate', 'off_shift', 'too_fast')
    ),
    constraint position_reject_privacy_check check (
        reason in ('out_of_range', 'no_fix', 'implausible', 'too_fast') or (lat is null and lon is null and recorded_at is null)
    )
);
create index position_reject_device_idx on position_reject (tenant_id, device_id, received_at);
create index position_reject_received_idx on position_reject (received_at);

do $$
declare
    t text;
begin
    foreach t in array array['engineer_position', 'latest_position', 'position_reject'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format(
            'create policy tenant_isolation on %I to app
                using (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))
                with check (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))', t);
        execute format('create policy definer_reads on %I for select to callout_definer using (true)', t);
        execute format('create policy definer_forgets on %I for delete to callout_definer using (true)', t);
    end loop;
end
$$;

grant select, insert on engineer_position, position_reject to app;
grant select, insert, update on latest_position to app;
grant select, delete on engineer_position, latest_position, position_reject to callout_definer;

set role callout_definer;

-- Drops what has been kept long enough: refused fixes after a day, positions after 60. At most `most` rows of each at a
-- time, so that no lock is held for long; call again while it returns that many.
create function forget_positions(at_time timestamptz, most integer)
    returns bigint language plpgsql volatile security definer set search_path = pg_catalog, public
as $$
declare
    forgotten bigint := 0;
    gone bigint;
begin
    delete from public.position_reject where ctid = any(array(
        select r.ctid from public.position_reject r where r.received_at < at_time - interval '24 hours' limit most
    ));
    get diagnostics gone = row_count;
    forgotten := greatest(forgotten, gone);
    delete from public.engineer_position where ctid = any(array(
        select p.ctid from public.engineer_position p where p.received_at < at_time - interval '60 days' limit most
    ));
    get diagnostics gone = row_count;
    forgotten := greatest(forgotten, gone);
    delete from public.latest_position where ctid = any(array(
        select l.ctid from public.latest_position l where l.received_at < at_time - interval '60 days' limit most
    ));
    get diagnostics gone = row_count;
    return greatest(forgotten, gone);
end
$$;

reset role;

revoke all on function forget_positions (timestamptz, integer) from public;
grant execute on function forget_positions (timestamptz, integer) to app;
