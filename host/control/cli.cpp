// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/control/cli.hpp"

#include <fmt/format.h>

namespace rvm::host {

namespace {

using Command = std::function<ExitCode()>;

CLI::App* add(CLI::App& app, ControlOptions& o, const char* name, const char* help, const char* examples) {
  CLI::App* const command = app.add_subcommand(name, help);
  command->add_option("--machine", o.machine, "name of the machine, if several run (rvm ps --machines)")
      ->type_name("NAME");
  command->add_flag("--json", o.json, "one line of JSON");
  command->footer(
      std::string("The machine must have been started with a control agent (rvm run --control, or [control] "
                  "enabled = true).\n\nExamples:\n") +
      examples);
  return command;
}

void add_act(CLI::App& app, ControlOptions& o, Command& command, const char* name, const char* help,
             const char* examples, control::Operation operation) {
  CLI::App* const act = add(app, o, name, help, examples);
  auto* const object = act->add_option("OBJECT", o.objects, "name or id of the agent")->expected(1);
  auto* const partition = act->add_flag("--partition", o.partitions, "OBJECT is a partition, with all in it");
  if (operation == control::Operation::terminate) {
    object->required();
  } else {
    act->add_flag("--engine", o.engine, "the coherence engine, instead of an OBJECT: it moves nothing meanwhile")
        ->excludes(object)
        ->excludes(partition);
  }
  act->callback([&o, &command, operation] {
    if (o.objects.empty() && !o.engine) {
      throw CLI::RequiredError("OBJECT or --engine");
    }
    command = [&o, operation] { return act_command(o, operation); };
  });
}

void add_looks(CLI::App& app, ControlOptions& o, ControlTexts& texts, Command& command) {
  CLI::App* const ps = add(app, o, "ps", "show the agents of a machine that runs",
                           "  rvm ps\n  rvm ps --partitions\n  rvm ps --json | jq '.agents[].name'");
  ps->add_flag("--partitions", o.partitions, "show partitions instead");
  ps->add_flag("--machines", o.machines, "show the machines that run instead");
  ps->add_flag("--health", o.health, "show only what needs no key");
  ps->callback([&o, &command] { command = [&o] { return ps_command(o); }; });

  CLI::App* const inspect = add(app, o, "inspect", "show all about an agent, a partition or the machine",
                                "  rvm inspect\n  rvm inspect ping\n  rvm inspect --partition home --json");
  inspect->add_option("OBJECT", o.objects, "name or id; the machine itself if left out")->expected(0, 1);
  inspect->add_flag("--partition", o.partitions, "OBJECT is a partition");
  inspect->callback([&o, &command] { command = [&o] { return inspect_command(o); }; });

  CLI::App* const graph = add(app, o, "graph", "draw who talks to whom, and the boundaries between them",
                              "  rvm graph\n  rvm graph --dot | dot -Tpng -o graph.png\n  rvm graph --svg graph.svg\n"
                              "  rvm graph --json >before.json, and later: rvm graph --compare before.json");
  auto* const dot = graph->add_flag("--dot", o.dot, "in the language of Graphviz");
  graph->add_option("--svg", o.svg, "write a drawing")->type_name("FILE")->excludes(dot);
  graph->add_option("--compare", o.compare, "draw beside it how it was when rvm graph --json wrote FILE, and who moved")
      ->type_name("FILE");
  graph->callback([&o, &command] { command = [&o] { return graph_command(o); }; });

  CLI::App* const top = add(app, o, "top", "watch partitions, agents, edges and decisions, full screen",
                            "  rvm top\n  rvm top --interval 200ms\n  rvm top --once");
  top->add_flag("--once", o.once, "print one screen and end; so does output that is no terminal");
  top->add_option("--interval", texts.interval, "between two looks, from 50ms on (default 1s)")
      ->type_name("DURATION")
      ->check([](const std::string& given) {
        const auto parsed = parse_duration(given);
        return parsed && parsed->value >= 50'000'000 ? std::string{}
                                                     : fmt::format("'{}' is not a duration of at least 50ms", given);
      });
  top->callback([&o, &texts, &command] {
    o.interval = parse_duration(texts.interval).value_or(o.interval);
    command = [&o] { return top_command(o); };
  });
}

}  // namespace

void add_control(CLI::App& app, ControlOptions& o, ControlTexts& texts, Command& command) {
  add_looks(app, o, texts, command);
  add_act(app, o, command, "kill", "end an agent, or a partition with all in it",
          "  rvm kill ping\n  rvm kill --partition home", control::Operation::terminate);
  add_act(app, o, command, "suspend", "have an agent, a partition or the coherence engine not run until it is resumed",
          "  rvm suspend ping\n  rvm suspend --partition home\n  rvm suspend --engine", control::Operation::suspend);
  add_act(app, o, command, "resume", "have a suspended agent, partition or engine go on",
          "  rvm resume ping\n  rvm resume --partition home\n  rvm resume --engine", control::Operation::resume);

  CLI::App* const split = add(app, o, "split", "split a partition in two, along its minimum cut",
                              "  rvm split home\n  rvm split home --isolate ping");
  split->add_option("PARTITION", o.objects, "name or id")->required()->expected(1);
  split->add_option("--isolate", o.isolate, "cut this agent off from those that have most to do with each other")
      ->type_name("AGENT");
  split->callback([&o, &command] { command = [&o] { return split_command(o); }; });

  CLI::App* const merge =
      add(app, o, "merge", "make one partition of two that talk mostly to each other", "  rvm merge home annex");
  merge->add_option("PARTITIONS", o.objects, "the one that stays and the one that goes, by name or id")
      ->required()
      ->expected(2);
  merge->callback([&o, &command] { command = [&o] { return merge_command(o); }; });

  CLI::App* const migrate = add(app, o, "migrate", "move an agent to another partition", "  rvm migrate ping annex");
  migrate->add_option("AGENT PARTITION", o.objects, "who, and where to, by name or id")->required()->expected(2);
  migrate->callback([&o, &command] { command = [&o] { return migrate_command(o); }; });
}

}  // namespace rvm::host
