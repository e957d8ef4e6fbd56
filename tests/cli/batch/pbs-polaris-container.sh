#!/bin/bash -l
#PBS -N n2
#PBS -l select=2:system=polaris
#PBS -l walltime=01:00:00
#PBS -l filesystems=home:eagle
#PBS -q debug
#PBS -A CHEM
#PBS -r y
#PBS -j oe
#PBS -l place=scatter

# Submit with: qsub n2.pbs
# It stops in good order 120 s before its wall time, and goes into the queue again until the
# run is done, but not more than 20 times.

say() { echo "hybridq batch: $*" >&2; }
cd "${PBS_O_WORKDIR:-.}" || exit 2
script=n2.pbs
lives=0
if [ -r "$script.lives" ]; then read -r lives <"$script.lives"; fi
again=$PWD/.hybridq-again.${PBS_JOBID:-$$}

# hybridq reads this: seconds since 1970 before which it stops
HYBRIDQ_DEADLINE=$(($(date +%s) + 3600 - 120))
export HYBRIDQ_DEADLINE
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
export http_proxy=http://proxy.alcf.anl.gov:3128 https_proxy=http://proxy.alcf.anl.gov:3128
module use /soft/modulefiles || exit 2
module load spack-pe-base apptainer cray-mpich-abi || exit 2
export APPTAINERENV_LD_LIBRARY_PATH="$CRAY_LD_LIBRARY_PATH:$LD_LIBRARY_PATH:/opt/cray/pe/pals/1.2.12/lib"

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
mpiexec -hostfile "$PBS_NODEFILE" -n 16 -ppn 8 bash -c "$rank" "$again" \
  apptainer exec -B /opt -B /var/run/palsd/ -B "$PWD" /eagle/CHEM/hq.sif \
  python3 n2.py &
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
echo "$((lives + 1))" >"$script.lives"
if ! qsub "$script"; then
  rm -f "$script.lives"
  say "$script could not submit itself; go on with: qsub $script"
fi
exit 75
