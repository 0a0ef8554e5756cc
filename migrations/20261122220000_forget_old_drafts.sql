-- Plans that assigned nothing are dropped some time after their days are over.

grant delete on plan_run, left_for_later to app;
