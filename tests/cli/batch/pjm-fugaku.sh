#!/bin/bash
#PJM -N n2
#PJM -g hp000000
#PJM -L "rscgrp=large,node=384,elapse=24:00:00"
#PJM --mpi "max-proc-per-node=4"
#PJM -x PJM_LLIO_GFSCACHE=/vol0004
#PJM -j
#PJM -S

# Submit with: pjsub n2.sh
# It stops in good order 120 s before its wall time, and goes into the queue again until the
# run is done, but not more than 20 times.

say() { echo "hybridq batch: $*" >&2; }
cd "${PJM_O_WORKDIR:-.}" || exit 2
script=n2.sh
lives=0
if [ -r "$script.lives" ]; then read -r lives <"$script.lives"; fi
again=$PWD/.hybridq-again.${PJM_SUBJOBID:-$$}

# hybridq reads this: seconds since 1970 before which it stops
HYBRIDQ_DEADLINE=$(($(date +%s) + 86400 - 120))
export HYBRIDQ_DEADLINE
export OMP_NUM_THREADS=12 OPENBLAS_NUM_THREADS=12 MKL_NUM_THREADS=12
. /vol0004/apps/oss/spack/share/spack/setup-env.sh

# SIGUSR1: stop before the next evaluation, and go into the queue again. SIGTERM: the scheduler takes the job away
# (cancelled, preempted, out of time): stop likewise, and leave it to the scheduler or its user what comes next.
step="" signalled=0 asked=0 taken=0
stop() {
  signalled=1 asked=1
  if [ -n "$step" ]; then kill -USR1 "$step" 2>/dev/null; fi
}
trap stop USR1
trap 'taken=1; stop' TERM

# Launchers kill the other ranks at the first code that is not 0, and then report a code of their own. So a rank that
# stopped in good order (75) leaves a file and ends with 0. One that SIGUSR1 met before it listened (138) leaves the
# file too, and lets the others be killed: they may wait for it.
rank='trap : USR1 TERM; "$@"; code=$?
case $code in 75 | 138) [ -e "$0" ] || : >"$0" ;; esac
[ $code = 75 ] || exit $code'

rm -f "$again"
LD_PRELOAD=/usr/lib/FJSVtcs/ple/lib64/libpmix.so mpiexec -n 1536 bash -c "$rank" "$again" \
  hybridq vqe 'N 0 0 0; N 0 0 1.1' --basis cc-pvdz --active-electrons 6 --active-orbitals 6 --run n2.run &
step=$!
if [ "$asked" = 1 ]; then stop; fi
while :; do # a signal ends the wait, not the step
  signalled=0 code=0
  wait "$step" || code=$?
  if [ "$signalled" = 0 ]; then break; fi
done
if [ "$asked" = 1 ] && [ "$code" = 138 ]; then code=75; fi # SIGUSR1 met the launcher before it listened
if [ -e "$again" ] && { [ "$code" = 0 ] || [ "$asked" = 1 ]; }; then code=75; fi
rm -f "$again"

if [ "$code" != 75 ]; then
  rm -f "$script.lives"
  exit "$code"
fi
if [ "$taken" = 1 ]; then
  say "taken away by the scheduler; submit the script again to go on"
  rm -f "$script.lives"
  exit 75
fi
if [ "$lives" -ge 20 ]; then
  say "requeued $lives times, which is the limit; submit the script again to go on"
  rm -f "$script.lives"
  exit 75
fi
case ${PJM_SUBJOBID:-} in *_*) exit 75 ;; esac
echo "$((lives + 1))" >"$script.lives"
if ! pjsub "$script"; then
  rm -f "$script.lives"
  say "$script could not submit itself; go on with: pjsub $script"
fi
exit 75
