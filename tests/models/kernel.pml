/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Revocation in steps, movement of capabilities and messages between agents on two cores, as the kernel does them
 * (src/cap/include/rvm/cap/space.hpp, src/kernel/hypercalls_capability.cpp, src/kernel/ipc.cpp). Everything under the kernel
 * lock is one atomic step; between the parts of a revocation anything may happen. Checked exhaustively by check.py.
 *
 * Holds: a revocation takes no more steps than there were descendants when it began; when it has returned, nothing derived from the
 * root is live, mapped or in a TLB, whatever the others did meanwhile; each message is received once and in order; nobody waits for ever.
 *
 * Broken on purpose: -DBREAK_GROWING derives below a revocation, -DBREAK_TLB forgets the invalidation, -DBREAK_MOVE leaves the
 * children of a moved capability behind, -DBREAK_WAKE forgets to wake the receiver, -DBREAK_DUPLICATE leaves a
 * received message in the queue.
 */

#define SLOTS 5       /* of all tables together; slot 0 holds the root */
#define NONE 255
#define ACTIONS 3     /* of each agent */
#define MESSAGES 4
#define QUEUE 1

bool live[SLOTS], mapped[SLOTS], cached[SLOTS];
byte parent[SLOTS];
byte owner[SLOTS];
bool revoking = false;  /* the children of the root are being revoked */
bool returned = false;  /* ... and all of them are gone */

byte queue_value[QUEUE];
byte queue_count = 0;
bool receiver_waits = false, sender_waits = false;
byte received = 0;

/* Neither the capability nor an ancestor is being revoked. The tree is at most SLOTS deep. */
inline growing(c, result) {
  byte up = c;
  result = true;
  do
  :: up == NONE -> break
  :: else ->
     if
     :: !live[up] || (up == 0 && revoking) -> result = false; break
     :: else -> up = parent[up]
     fi
  od
}

inline free_slot_of(j) {
  j = 1;
  do
  :: j == SLOTS -> break
  :: j < SLOTS && live[j] -> j++
  :: else -> break
  od
}

inline has_child(c, result) {
  byte k = 1;
  result = false;
  do
  :: k == SLOTS -> break
  :: k < SLOTS && live[k] && parent[k] == c -> result = true; break
  :: else -> k++
  od
}

/* The holder of the root: CAP_REVOKE of what was derived from it, one removal per hypercall. */
proctype Revoker() {
  byte leaf, removed = 0, below = 0;
  bool more = true, inner;
  do
  :: more ->
     atomic {
       if
       :: !revoking ->
          revoking = true;
          leaf = 1;
          do
          :: leaf == SLOTS -> break
          :: else -> below = below + live[leaf]; leaf++
          od
       :: else -> skip
       fi;
       leaf = 1;
       do
       :: leaf == SLOTS -> break
       :: leaf < SLOTS && live[leaf] && parent[leaf] != NONE ->
          has_child(leaf, inner);
          if
          :: !inner -> break
          :: else -> leaf++
          fi
       :: else -> leaf++
       od;
       if
       :: leaf == SLOTS ->
          more = false;
          revoking = false;
          returned = true;
          byte i = 1;
          do
          :: i == SLOTS -> break
          :: else ->
             assert(!live[i]);
             assert(!mapped[i]);
             assert(!cached[i]);
             i++
          od
       :: else ->
          if
          :: mapped[leaf] ->
             mapped[leaf] = false;
#ifndef BREAK_TLB
             cached[leaf] = false
#endif
          :: else -> skip
          fi;
          live[leaf] = false;
          parent[leaf] = NONE;
          removed++;
          assert(removed <= below)
       fi;
       leaf = 0; inner = false
     }
  :: else -> break
  od
}

/* Derives, moves, maps and touches what it holds. */
proctype Holder(byte me) {
  byte n = 0, c, j, k2;
  bool may;
  do
  :: n == ACTIONS -> break
  :: else ->
     n++;
     select(c : 1 .. 4);
     if
     :: atomic { /* CAP_DERIVE, or REGION_SHARE with the other agent */
          live[c] && owner[c] == me ->
          growing(c, may);
#ifdef BREAK_GROWING
          may = true;
#endif
          free_slot_of(j);
          if
          :: may && j < SLOTS ->
             live[j] = true; parent[j] = c;
             if
             :: owner[j] = me
             :: owner[j] = 1 - me
             fi
          :: else -> skip
          fi;
          j = 0; may = false
        }
     :: atomic { /* CAP_TRANSFER to the other agent: it keeps parent and children */
          live[c] && owner[c] == me && !mapped[c] ->
          free_slot_of(j);
          if
          :: j < SLOTS ->
             live[j] = true; parent[j] = parent[c]; owner[j] = 1 - me;
#ifndef BREAK_MOVE
             k2 = 1;
             do
             :: k2 == SLOTS -> break
             :: else ->
                if
                :: live[k2] && parent[k2] == c -> parent[k2] = j
                :: else -> skip
                fi;
                k2++
             od;
#endif
             live[c] = false; parent[c] = NONE
          :: else -> skip
          fi;
          j = 0; k2 = 0
        }
     :: atomic { live[c] && owner[c] == me -> mapped[c] = true } /* REGION_MAP */
     :: atomic { mapped[c] && owner[c] == me -> cached[c] = true } /* a load fills the TLB */
     :: atomic { cached[c] -> assert(!returned) } /* a later one hits it, tables or not */
     :: skip
     fi;
     c = 0
  od
}

/* SEND with a deadline of for ever: waits for room and repeats its hypercall. */
proctype Sender() {
  byte value = 1;
  bool done;
  do
  :: value > MESSAGES -> break
  :: else ->
     done = false;
     do
     :: done -> break
     :: else ->
        atomic {
          if
          :: queue_count < QUEUE ->
             queue_value[queue_count] = value;
             queue_count++;
#ifndef BREAK_WAKE
             receiver_waits = false;
#endif
             done = true
          :: else -> sender_waits = true
          fi
        };
        !sender_waits
     od;
     value++
  od
}

/* RECEIVE with a deadline of for ever. */
proctype Receiver() {
  do
  :: received == MESSAGES -> break
  :: else ->
     atomic {
       if
       :: queue_count > 0 ->
          assert(queue_value[0] == received + 1);
          received++;
#ifndef BREAK_DUPLICATE
          queue_count--;
#endif
          sender_waits = false
       :: else -> receiver_waits = true
       fi
     };
     !receiver_waits
  od
}

init {
  atomic {
    byte s = 0;
    do
    :: s == SLOTS -> break
    :: else -> parent[s] = NONE; s++
    od;
    live[0] = true; owner[0] = 2;                    /* the root, with the revoker */
    live[1] = true; parent[1] = 0; owner[1] = 0;     /* one was given to each holder */
    live[2] = true; parent[2] = 0; owner[2] = 1;
    s = 0;
#ifndef ONLY_IPC
    run Revoker();
    run Holder(0);
    run Holder(1);
#endif
#ifdef WITH_IPC
    run Sender();
    run Receiver()
#endif
  }
}
