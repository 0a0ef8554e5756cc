//! Who goes where: ranking, assigning, planning, and what the server does by itself.

mod area;

mod candidates;
mod assigning;
mod rules;
mod races;
mod plans;
mod plan_list;
mod plan_jobs;
mod drafts;
mod roads;
mod travel_profile;
mod automatic;
mod offers;
mod settings;
mod pool;
mod pool_wishes;
mod replanning;
mod overruns;
mod access;
