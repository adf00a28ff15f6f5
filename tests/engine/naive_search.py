"""A naive float64 search epoch: hand-written SGD, Adam and clipping around the naive supernet."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from tests.spaces.nb201 import naive


class NaiveSearch:
    """Bi-level or single-level search on given index batches; ``settings`` is a plain dict of numbers."""

    def __init__(self, weights, alpha, images, labels, cells, settings):
        self.w = {name: value.detach().double().clone().requires_grad_() for name, value in weights.items()}
        self.a = alpha.detach().double().clone().requires_grad_()
        self.images, self.labels, self.cells, self.s = images, labels, cells, settings
        self.velocity = {name: None for name in self.w}
        self.m, self.v, self.t = torch.zeros_like(self.a), torch.zeros_like(self.a), 0

    def gradients(self, batch):
        mixing = (
            torch.sigmoid(self.a) if self.s["sigmoid"] else torch.exp(self.a) / torch.exp(self.a).sum(1, keepdim=True)
        )
        loss = F.cross_entropy(naive.forward(self.w, self.images[batch], mixing, self.cells), self.labels[batch])
        *gw, ga = torch.autograd.grad(loss, [*self.w.values(), self.a])
        return loss.item(), dict(zip(self.w, gw, strict=True)), ga

    @torch.no_grad()
    def move_weights(self, gw, ga, lr):
        s = self.s
        if s["clip"]:
            square = sum((g**2).sum() for g in gw.values()) + ((ga**2).sum() if s["clip_alpha"] else 0)
            factor = min(1.0, s["clip"] / (square.sqrt().item() + 1e-6))
            gw = {name: g * factor for name, g in gw.items()}
        for name, w in self.w.items():
            g = gw[name] + s["weight_decay"] * w
            old = self.velocity[name]
            self.velocity[name] = g.clone() if old is None else s["momentum"] * old + g
            w -= lr * (g + s["momentum"] * self.velocity[name] if s["nesterov"] else self.velocity[name])

    @torch.no_grad()
    def move_alpha(self, ga, lr):
        b1, b2 = self.s["betas"]
        g = ga + self.s["alpha_decay"] * self.a
        self.t += 1
        self.m = b1 * self.m + (1 - b1) * g
        self.v = b2 * self.v + (1 - b2) * g**2
        self.a -= lr * (self.m / (1 - b1**self.t)) / ((self.v / (1 - b2**self.t)).sqrt() + 1e-8)

    def step(self, kind, weight_batch, alpha_batch, lr, alpha_lr):
        losses = {}
        for move in {"weights-first": "wa", "architecture-first": "aw", "joint": "j", "weights-only": "w"}[kind]:
            batch = alpha_batch if move == "a" else weight_batch
            loss, gw, ga = self.gradients(batch)
            losses["a" if move == "a" else "w"] = loss
            if move in "wj":
                self.move_weights(gw, ga, lr)
            if move in "aj":
                self.move_alpha(ga, alpha_lr)
        return losses
