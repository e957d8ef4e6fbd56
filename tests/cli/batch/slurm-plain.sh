#!/bin/bash
#SBATCH --job-name=n2
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --cpus-per-task=1
#SBATCH --time=01:00:00
#SBATCH --output=%x-%j.out
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@120

# Submit with: sbatch n2.slurm
# It stops in good order 120 s before its wall time, and goes into the queue again until the
# run is done, but not more than 20 times.

say() { echo "hybridq batch: $*" >&2; }
lives=${SLURM_RESTART_COUNT:-0}
again=$PWD/.hybridq-again.${SLURM_JOB_ID:-$$}

# hybridq reads this: seconds since 1970 before which it stops
HYBRIDQ_DEADLINE=$(($(date +%s) + 3600 - 120))
export HYBRIDQ_DEADLINE
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

# SIGUSR1: stop before the next evaluation, and go into the queue again. SIGTERM: the scheduler takes the job away
# (cancelled, preempted, out of time): stop likewise, and leave it to the scheduler or its user what comes next.
step="" signalled=0 asked=0 taken=0
stop() {
  signalled=1 asked=1
  if [ -n "$step" ]; then kill -USR1 "$step" 2>/dev/null; fi
}
trap stop USR1
trap 'taken=1 signalled=1' TERM

# Launchers kill the other ranks at the first code that is not 0, and then report a code of their own. So a rank that
# stopped in good order (75) leaves a file and ends with 0. One that SIGUSR1 met before it listened (138) leaves the
# file too, and lets the others be killed: they may wait for it.
rank='trap : USR1 TERM; "$@"; code=$?
case $code in 75 | 138) [ -e "$0" ] || : >"$0" ;; esac
[ $code = 75 ] || exit $code'

# A life that was killed leaves shared memory on its nodes, named for job and step, and MPICH cannot start
# over it. So each life takes a step number of its own.
for ((life = 0; life < lives; life++)); do srun --nodes=1 --ntasks=1 true 2>/dev/null; done
rm -f "$again"
srun -K1 --cpus-per-task=1 bash -c "$rank" "$again" \
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
  exit "$code"
fi
if [ "$taken" = 1 ]; then
  say "taken away by the scheduler; submit the script again to go on"
  exit 75
fi
if [ "$lives" -ge 20 ]; then
  say "requeued $lives times, which is the limit; submit the script again to go on"
  exit 75
fi
if scontrol requeue "$SLURM_JOB_ID"; then exit 0; fi
say "this job cannot be requeued; submit the script again to go on"
exit 75
