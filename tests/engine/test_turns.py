"""Who is alone is alone: others are between two steps, or have not begun."""

import threading
import time

from harness.engine.turns import Turns


def test_nobody_is_inside_while_one_is_alone():
    turns, steps, found = Turns(), [0] * 4, []
    busy = [False] * 4

    def work(number):
        with turns.share():
            for step in range(60):
                turns.give_way()
                busy[number] = True
                time.sleep(0.001)
                busy[number] = False
                steps[number] += 1
                if step == 10 * (number + 1):
                    with turns.alone():
                        before = list(steps)
                        time.sleep(0.01)
                        found.append(before == steps and not any(busy))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert steps == [60] * 4 and found == [True] * 4


def test_without_others_it_costs_nothing_to_be_alone():
    turns = Turns()
    turns.give_way()
    with turns.alone():
        pass
    with turns.share(), turns.alone():
        pass
    assert not turns.inside and not turns.taken


def test_a_share_is_given_back_by_who_fails():
    turns = Turns()
    try:
        with turns.share(), turns.alone():
            raise ValueError
    except ValueError:
        pass
    with turns.alone():
        assert not turns.inside


def test_who_wants_to_be_alone_waits_for_the_steps_of_others_and_not_for_their_end():
    turns, begun, done = Turns(), threading.Barrier(3), threading.Event()
    ended_by_itself = []

    def work():
        with turns.share():
            begun.wait(10)
            for _ in range(2000):
                turns.give_way()
                if done.is_set():
                    return
                time.sleep(0.001)
            ended_by_itself.append(True)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    begun.wait(10)
    with turns.share(), turns.alone():
        done.set()
    for thread in threads:
        thread.join(30)
    assert not ended_by_itself
