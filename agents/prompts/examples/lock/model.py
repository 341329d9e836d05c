# state: state, CLOSED after reset
# at each clock edge: from CLOSED to OPEN if key_ok; from OPEN to CLOSED if close
# outputs: open = 1 if state is OPEN; alarm = 1 if state is CLOSED and the input close is 1
CLOSED, OPEN = 0, 1


class Model:
    def reset(self):
        self.state = CLOSED

    def outputs(self, i):
        open_ = 1 if self.state == OPEN else 0
        alarm = 1 if self.state == CLOSED and i.close == 1 else 0
        return {"open": open_, "alarm": alarm}

    def tick(self, i):
        if self.state == CLOSED:
            if i.key_ok:
                self.state = OPEN
        elif self.state == OPEN:
            if i.close:
                self.state = CLOSED
