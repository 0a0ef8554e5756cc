-- The open pool: visits that engineers may take themselves, to whom each is offered, and what became of every attempt.

-- What a dispatcher said of a visit by hand; without a row it goes by the mode of its type.
create table pool_placement (
    tenant_id uuid not null,
    visit_id uuid not null,
    is_offered boolean not null,         -- false: taken out of the pool although its type is one of the pool
    placed_by uuid not null,
    placed_at timestamptz not null,
    constraint pool_placement_pkey primary key (tenant_id, visit_id),
    constraint pool_placement_tenant_fkey foreign key (tenant_id) references tenant (tenant_id)
);

-- The ticket as those see it who may take it: no name, no address, no words. One visit of it at a time.
create table pool_card (
    tenant_id uuid not null,
    ticket_id uuid not null,
    visit_id uuid not null,
    card bytea not null,                 -- sync_core::reference::Card
    constraint pool_card_pkey primary key (tenant_id, ticket_id),
    constraint pool_card_tenant_fkey foreign key (tenant_id) references tenant (tenant_id)
);

-- How far each engineer's offers have come. A phone that has revision n has every offer up to n: revisions are given under
-- this row's lock, which is held until they commit.
create table pool_reader (
    tenant_id uuid not null,
    engineer_id uuid not null,
    revision bigint not null,
    complete_from bigint not null default 0, -- who has less gets everything: withdrawn offers up to here are forgotten
    constraint pool_reader_pkey primary key (tenant_id, engineer_id),
    constraint pool_reader_tenant_fkey foreign key (tenant_id) references tenant (tenant_id)
);

create table pool_offer (
    tenant_id uuid not null,
    engineer_id uuid not null,
    ticket_id uuid not null,
    revision bigint not null,            -- of the engineer's offers, when this one last changed
    is_gone boolean not null,
    constraint pool_offer_pkey primary key (tenant_id, engineer_id, ticket_id),
    constraint pool_offer_revision_key unique (tenant_id, engineer_id, revision) deferrable initially deferred,
    constraint pool_offer_reader_fkey foreign key (tenant_id, engineer_id) references pool_reader (tenant_id, engineer_id)
);
create index pool_offer_ticket_idx on pool_offer (tenant_id, ticket_id);

-- What was decided about an engineer's wish to take a ticket. The same wish gets the same answer for ever.
create table pool_take (
    tenant_id uuid not null,
    user_id uuid not null,
    wish_id uuid not null,
    ticket_id uuid not null,
    visit_id uuid,
    grant_id uuid,                       -- null: refused
    code text not null,
    detail text not null,
    decided_at timestamptz not null,
    constraint pool_take_pkey primary key (tenant_id, user_id, wish_id),
    constraint pool_take_tenant_fkey foreign key (tenant_id) references tenant (tenant_id)
);

do $$
declare
    t text;
begin
    foreach t in array array['pool_placement', 'pool_card', 'pool_reader', 'pool_offer', 'pool_take'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format(
            'create policy tenant_isolation on %I to app
                using (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))
                with check (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))', t);
    end loop;
end
$$;

grant select, insert, update on pool_placement, pool_reader to app;
grant select, insert, update, delete on pool_card, pool_offer to app;
grant select, insert on pool_take to app;

-- An engineer took it from the pool.
alter table assignment_explanation drop constraint assignment_explanation_mode_check;
alter table assignment_explanation add constraint assignment_explanation_mode_check
    check (mode in ('manual', 'suggested', 'automatic', 'plan', 'pool'));
