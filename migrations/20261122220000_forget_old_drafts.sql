-- Plans that assigned nothing are dropped some time after their days are over.

grant delete on plan_run, left_for_later to app;

-- Which assignments came of a plan: asked before it is dropped.
create index assignment_explanation_run_idx on assignment_explanation (tenant_id, plan_run_id) where plan_run_id is not null;
