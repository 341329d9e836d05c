# state: phase and beat, both 0 after reset
# at each clock edge: beat is 0, but 1 when phase goes back to 0
#   if run: phase >= period: 0, else phase + 1
# outputs: the state
class Model:
    def reset(self):
        self.phase = 0
        self.beat = 0

    def outputs(self, i):
        return {"beat": self.beat, "phase": self.phase}

    def tick(self, i):
        self.beat = 0
        if i.run:
            if self.phase >= i.period:
                self.phase = 0
                self.beat = 1
            else:
                self.phase += 1
