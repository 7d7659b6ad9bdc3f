// SPDX-License-Identifier: MIT OR Apache-2.0
#include "waits.hpp"

namespace rvm::kernel {

void end_timed_wait(State& s, Agent& agent, Nanoseconds now) {
  switch (agent.wait) {
    case Wait::sleep:
      if (agent.deadline.value != 0) {
        agent.job_release = agent.node.wake_at;
        agent.timed_job = agent.job_starting = true;
      }
      wake(s, agent, Error::ok);
      break;
    case Wait::receive:
    case Wait::space:
      // These repeat their hypercall when woken; now it is over, with an error.
      agent.context->skip_instruction();
      wake(s, agent, Error::timed_out);
      break;
    case Wait::signal:
      wake(s, agent, Error::timed_out);
      break;
    case Wait::budget:
      agent.budget_left = agent.budget;
      agent.replenish_at = now + agent.period;
      wake_to_retry(s, agent);
      break;
    default:
      wake_to_retry(s, agent);
      break;
  }
}

}  // namespace rvm::kernel
