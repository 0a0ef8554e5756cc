# OSRM, for run.
wheel=osrm-bindings==26.10.0

serve() { # map port
  local name=${1%%.*}
  osrm/bin/osrm-extract -p osrm/share/profiles/car.lua "$1" >"$name.log" 2>&1
  osrm/bin/osrm-partition "$name.osrm" >>"$name.log" 2>&1
  osrm/bin/osrm-customize "$name.osrm" >>"$name.log" 2>&1
  osrm/bin/osrm-routed --algorithm mld -i 127.0.0.1 -p "$2" --max-table-size 100 "$name.osrm" >>"$name.log" 2>&1 &
}
