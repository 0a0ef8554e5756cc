# Valhalla, for run: as it is when nobody sets anything, but for one thing.
wheel=pyvalhalla==3.9.1

serve() { # map port
  local name=${1%%.*} config=()
  rm -rf "$name"
  config+=(--mjolnir-tile-dir "$PWD/$name" --httpd-service-listen "tcp://127.0.0.1:$2" --httpd-service-drain-seconds 0)
  # What another Valhalla may have on this machine is not ours.
  for other in tile-extract traffic-extract admin timezone landmarks transit-dir transit-feeds-dir; do
    config+=("--mjolnir-$other" "")
  done
  # Else it says null for many a site on a private road, though its own /route leads there.
  config+=(--thor-costmatrix-allow-second-pass True)
  python3 valhalla/valhalla_build_config.py "${config[@]}" >"$name.json"
  valhalla/bin/valhalla_build_tiles -c "$name.json" "$1" >"$name.log" 2>&1
  valhalla/bin/valhalla_service "$name.json" 2 >>"$name.log" 2>&1 &
}
